"""Accounts with a low balance are warned once, again after a while, and anew later."""

from __future__ import annotations

from typing import Any

import pytest

from apps.housekeeping.balances import Account, Warned, next_warning
from tests.unit.apps.housekeeping.conftest import House

LOW = Account("a", "A", balance=1.5, threshold=None, wants_warnings=True)


@pytest.mark.store
def test_a_warning_is_written_once_and_repeated_after_the_setting(house: House) -> None:
    house.put_account("poor", name="Poor Ltd", balance=1.5)
    house.put_account("rich", name="Rich Ltd", balance=150)
    (first,) = house.warn().values()
    assert (first["_id"], first["name"], first["balance"], first["times"]) == (
        "poor",
        "Poor Ltd",
        1.5,
        1,
    )
    assert house.warn() == {"poor": first}
    again = house.warn(HOUSEKEEPING_LOW_BALANCE_REPEAT_S="0")["poor"]
    assert (again["times"], again["first"]) == (2, first["first"])


@pytest.mark.store
def test_a_warning_goes_when_the_balance_is_good_again_and_comes_anew(house: House) -> None:
    house.put_account("a", balance=1)
    assert set(house.warn()) == {"a"}
    house.put_account("a", balance=10)
    assert house.warn() == {}
    house.put_account("a", balance=2)
    assert house.warn()["a"]["times"] == 1


@pytest.mark.store
def test_all_accounts_are_looked_at_however_many_there_are(house: House) -> None:
    house.database["accounts"].insert_many(
        [{"_id": f"{number:04}", "balance": number % 10} for number in range(1_100)]
    )
    assert len(house.warn(HOUSEKEEPING_LOW_BALANCE="3")) == 330


@pytest.mark.parametrize(
    ("fields", "is_low"),
    [
        ({"balance": 4.99}, True),
        ({"balance": 5}, False),
        ({"balance": -3}, True),
        ({}, False),
        ({"balance": "none"}, False),
        ({"balance": True}, False),
        ({"balance": 9, "notifications": {"low_balance": {"threshold": 10}}}, True),
        ({"balance": 4, "notifications": {"low_balance": {"threshold": 0}}}, False),
        ({"balance": 4, "notifications": {"low_balance": {"enabled": False}}}, False),
        ({"balance": 4, "notifications": "broken"}, True),
        ({"balance": 4, "pvt_deleted": True}, False),
        ({"balance": 4, "pvt_enabled": False}, False),
    ],
)
def test_whether_a_balance_is_low(fields: dict[str, Any], *, is_low: bool) -> None:
    assert Account.of({"_id": "a", **fields}).is_low(5) is is_low


def test_a_warning_is_repeated_when_its_time_is_over_and_not_before() -> None:
    before = Warned("a", "A", balance=1.0, at=1_000, first=500, times=3)
    assert next_warning(LOW, before, now=1_099, repeat_s=100) is None
    assert next_warning(LOW, before, now=1_100, repeat_s=100) == Warned(
        "a", "A", balance=1.5, at=1_100, first=500, times=4
    )
