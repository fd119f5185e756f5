"""What is marked as deleted is removed from a database, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorCursor

from tests.unit.apps.housekeeping.conftest import House

pytestmark = pytest.mark.store


def fill(house: House, collection: str, deleted: int, kept: int) -> None:
    documents: list[dict[str, Any]] = [
        {"_id": f"d{number}", "pvt_deleted": True} for number in range(deleted)
    ]
    documents += [{"_id": f"k{number}", "pvt_deleted": number % 3 == 7} for number in range(kept)]
    house.database[collection].insert_many([*documents, {"_id": "plain"}])


def left(house: House, collection: str) -> list[str]:
    return sorted(one["_id"] for one in house.database[collection].find())


def test_all_that_is_marked_goes_and_all_else_stays(house: House) -> None:
    fill(house, "devices", deleted=25, kept=4)
    fill(house, "users", deleted=10, kept=0)
    house.clean(HOUSEKEEPING_STEP_DOCUMENTS="10")
    assert left(house, "devices") == ["k0", "k1", "k2", "k3", "plain"]
    assert left(house, "users") == ["plain"]
    house.clean()
    assert left(house, "users") == ["plain"]


def test_a_pass_does_a_bounded_number_of_steps_and_the_next_one_goes_on(house: House) -> None:
    fill(house, "devices", deleted=50, kept=0)
    settings = {"HOUSEKEEPING_STEP_DOCUMENTS": "10", "HOUSEKEEPING_MOST_STEPS": "3"}
    house.clean(**settings)
    assert len(left(house, "devices")) == 21
    house.clean(**settings)
    assert left(house, "devices") == ["plain"]


def test_between_two_steps_there_is_a_pause(house: House) -> None:
    fill(house, "devices", deleted=30, kept=0)
    began = time.monotonic()
    house.clean(HOUSEKEEPING_STEP_DOCUMENTS="10", HOUSEKEEPING_PAUSE_MS="50")
    assert time.monotonic() - began >= 0.15
    assert left(house, "devices") == ["plain"]


def test_a_database_that_is_not_to_be_cleaned_is_left_alone(house: House) -> None:
    fill(house, "devices", deleted=2, kept=0)
    house.clean(HOUSEKEEPING_DATABASES=house.database.name[:-1])
    assert len(left(house, "devices")) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOUSEKEEPING_PAUSE_MS", "-1"),
        ("HOUSEKEEPING_STEP_DOCUMENTS", "0"),
        ("HOUSEKEEPING_MOST_STEPS", "many"),
        ("HOUSEKEEPING_DATABASES", "("),
        ("HOUSEKEEPING_LOW_BALANCE", "nan"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_at_the_start(
    house: House, name: str, value: str
) -> None:
    with pytest.raises(Exception, match=name):
        house.clean(**{name: value})


def test_a_document_that_somebody_takes_back_meanwhile_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house, "devices", deleted=3, kept=0)
    found = AsyncIOMotorCursor.to_list

    async def to_list(cursor: Any, length: int) -> Any:
        documents = await found(cursor, length)
        house.database["devices"].update_one({"_id": "d1"}, {"$set": {"pvt_deleted": False}})
        return documents

    monkeypatch.setattr(AsyncIOMotorCursor, "to_list", to_list)
    house.clean()
    assert left(house, "devices") == ["d1", "plain"]
