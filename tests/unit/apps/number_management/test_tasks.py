"""The tasks on a real table: what each row answers, and what is true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import apps.number_management.tasks as tasks_module
from apps.number_management import app
from apps.number_management.columns import LIST
from tasks_bindings.testing import Ran, run_action
from tests.unit.apps.number_management.samples import MASTER, OWNER, PARENT, STRANGER

pytestmark = pytest.mark.store

Run = Callable[..., Ran]

SAMPLE = Path(str(tasks_module.__file__)).parent / "sample.csv"
MINE = "+14155550100"
FREE = "+14155550101"
OTHERS = "+14155550102"
NOBODYS = "+14155559999"
GIVEN = f"e164\n{MINE}\n{FREE}\n{OTHERS}\n{NOBODYS}\n"


def answers(ran: Ran) -> list[Any]:
    """Of each row: the state and the account after it, or its error."""
    return [
        (one["row"]["state"], one["row"]["account_id"]) if "row" in one else one["error"]
        for one in ran.returns
    ]


def listed(ran: Ran) -> list[str]:
    """The numbers that a list has written."""
    return [cells[0] for one in ran.returns for cells in one.get("rows", [])]


@pytest.fixture
def numbers(run: Run) -> None:
    """One number of the account, one that is free, one of another account."""
    run("import", f"e164\n{MINE}\n")
    run("import", f"e164,state\n{FREE},available\n", account_id=MASTER)
    run("import", f"e164\n{OTHERS}\n", account_id=STRANGER)


def test_an_imported_number_is_written_with_all_that_the_row_said(run: Run) -> None:
    header = "e164,state,carrier_module,ported_in,cnam.inbound,failover.sip\n"
    ran = run("import", header + f"{MINE},reserved,knm_other,true,true,sip:a@b\n")
    [row] = [one["row"] for one in ran.returns]
    assert tuple(row) == LIST
    assert row["created"] == row["modified"]
    assert {column: cell for column, cell in row.items() if cell is not None} == {
        "e164": MINE,
        "account_id": OWNER,
        "state": "reserved",
        "created": row["created"],
        "modified": row["modified"],
        "ported_in": True,
        "carrier_module": "knm_other",
        "cnam.inbound": "true",
        "failover.sip": "sip:a@b",
    }


@pytest.mark.parametrize(("cell", "ported"), [("true", True), ("false", False)])
def test_true_and_false_stay_what_they_are_through_every_change(
    run: Run, cell: str, *, ported: bool
) -> None:
    run("import", f"e164,ported_in\n{MINE},{cell}\n")
    for action in ("reserve", "release", "assign_to", "find"):
        [row] = [one["row"] for one in run(action, f"e164\n{MINE}\n").returns]
        assert row["ported_in"] is ported


def test_the_sample_can_be_imported_and_listed(run: Run) -> None:
    ran = run("import", SAMPLE.read_text())
    assert len(ran.returns) == 20
    assert all("row" in one for one in ran.returns)
    assert len(listed(run("list"))) == 20


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (
            "find",
            [("in_service", OWNER), *["this account has no such number"] * 3],
        ),
        (
            "assign_to",
            [
                ("in_service", OWNER),
                ("in_service", OWNER),
                "the number is not available",
                "there is no such number",
            ],
        ),
        (
            "reserve",
            [
                ("reserved", OWNER),
                ("reserved", OWNER),
                "the number is not available",
                "there is no such number",
            ],
        ),
        (
            "release",
            [("released", None), *["this account has no such number"] * 3],
        ),
        (
            "delete",
            [("deleted", None), *["this account has no such number"] * 3],
        ),
        (
            "import",
            [*["the number exists already"] * 3, ("in_service", OWNER)],
        ),
    ],
)
def test_a_row_that_is_not_the_accounts_fails_and_the_task_goes_on(
    run: Run, numbers: None, action: str, expected: list[Any]
) -> None:
    ran = run(action, GIVEN)
    assert answers(ran) == expected
    assert not ran.ended


def test_a_number_that_can_be_none_fails_its_row(run: Run) -> None:
    assert answers(run("import", "e164\n+1-415\n")) == ["e164 must be + and 2 to 15 digits"]


def test_a_parent_account_finds_its_descendants_numbers(run: Run, numbers: None) -> None:
    ran = run("find", f"e164\n{MINE}\n", auth_account_id=PARENT)
    assert answers(ran) == [("in_service", OWNER)]


def test_the_master_account_moves_a_number_between_accounts(run: Run, numbers: None) -> None:
    csv = f"e164,account_id\n{MINE},{STRANGER}\n"
    assert answers(run("assign_to", csv)) == [
        "only the master account may give a number to another account"
    ]
    [moved] = [one["row"] for one in run("assign_to", csv, auth_account_id=MASTER).returns]
    assert (moved["account_id"], moved["previously_assigned_to"]) == (STRANGER, OWNER)


def test_a_list_has_the_accounts_numbers_only_and_is_sorted(run: Run, numbers: None) -> None:
    run("import", "e164\n+14155550099\n")
    assert listed(run("list")) == ["+14155550099", MINE]


def test_an_account_without_numbers_lists_nothing(run: Run) -> None:
    ran = run("list")
    assert ran.ended
    assert listed(ran) == []


@pytest.mark.parametrize("count", [5, 6, 7])
def test_a_long_list_goes_on_after_the_last_number_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    expected = [f"+1415555{index:04}" for index in range(count)]
    run("import", "\n".join(["e164", *reversed(expected), ""]))
    monkeypatch.setattr(tasks_module, "PAGE", 2)
    ran = run("list", batch_rows=1)
    assert listed(ran) == expected
    assert max(len(one.get("rows", [])) for one in ran.returns) == 2


def test_a_list_that_fits_into_one_page_takes_one_call(run: Run, numbers: None) -> None:
    [returned] = run("list").returns
    assert returned["next"] == "stop"


def test_the_master_account_dumps_everybodys_numbers(run: Run, numbers: None) -> None:
    run("delete", f"e164\n{MINE}\n")
    assert listed(run("dump", auth_account_id=MASTER)) == [MINE, FREE, OTHERS]


def test_any_other_account_dumps_nothing(run: Run, numbers: None) -> None:
    assert run("dump").returns == [{"stop": True}]


def test_without_a_master_account_nobody_dumps(
    run: Run, numbers: None, environment: dict[str, str]
) -> None:
    told = {**environment, "NUMBERS_MASTER_ACCOUNT": ""}
    assert run("dump", auth_account_id=MASTER, environment=told).returns == [{"stop": True}]


@pytest.mark.parametrize("action", ["import", "assign_to", "reserve", "release", "delete"])
def test_rows_that_are_run_again_answer_the_same_and_change_nothing(
    run: Run, numbers: None, action: str
) -> None:
    csv = f"e164\n{MINE}\n{FREE}\n{MINE}\n{NOBODYS}\n"
    first = run(action, csv, task_id="1" * 30)
    before = run("dump", auth_account_id=MASTER)
    again = run(action, csv, task_id="1" * 30, attempt=2)
    assert again.returns == first.returns
    assert run("dump", auth_account_id=MASTER).returns == before.returns


def test_a_row_that_is_run_again_tells_what_it_did_even_if_others_came_after_it(
    run: Run, numbers: None
) -> None:
    first = run("reserve", f"e164\n{MINE}\n", task_id="1" * 30)
    run("release", f"e164\n{MINE}\n")
    assert run("reserve", f"e164\n{MINE}\n", task_id="1" * 30, attempt=2).returns == first.returns
    assert answers(run("assign_to", f"e164\n{MINE}\n")) == [("in_service", OWNER)]


def test_another_task_with_the_same_rows_is_no_repetition(run: Run) -> None:
    csv = f"e164\n{MINE}\n"
    assert answers(run("import", csv)) == [("in_service", OWNER)]
    assert answers(run("import", csv)) == ["the number exists already"]


def test_without_its_start_hook_a_handler_crashes_with_the_reason() -> None:
    [returned] = run_action(app, "number_management", "find", f"e164\n{MINE}\n").returns
    assert returned["crash"]["type"] == "NotOpen"
