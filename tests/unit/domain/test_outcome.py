"""What each return means for a task with a CSV: the seed's list ("Return values"), line by line."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.csvio import Row
from kztasks.domain.header import csv_header, default_header, whole_header
from kztasks.domain.outcome import End, Rules, interpret
from tests.unit.domain.support import ADDED, COLUMNS, DEFAULT, REPLACED, ROW

CRASH = {"crash": {"type": "ValueError", "message": "no"}}

WRITTEN: list[Any] = [
    # id, return, rules, the line that is written
    ("an error text stands in the error column", {"error": "no"}, DEFAULT, ["1", "2", "no"]),
    ("also beside added columns", {"error": "no"}, ADDED, ["1", "2", None, "no"]),
    ("also in a whole header", {"error": "no"}, REPLACED, ["2", None, "no"]),
    (
        "without an error column it stands in the first added one",
        {"error": "no"},
        Rules(csv_header(COLUMNS, ("x", "y")), COLUMNS),
        ["1", "2", "no", None],
    ),
    (
        "a whole header without an error column has no place for it",
        {"error": "no"},
        Rules(whole_header(("b", "x")), COLUMNS),
        ["2", None],
    ),
    ("text beside Data is an error", {"text": "no", "next": "data"}, DEFAULT, ["1", "2", "no"]),
    ("an error beside Data", {"error": "no", "next": "data"}, DEFAULT, ["1", "2", "no"]),
    ("verifiers", {"bad_fields": ["a", "b"]}, DEFAULT, ["1", "2", "bad field(s) a b"]),
    ("a crash", CRASH, DEFAULT, ["1", "2", "applier crashed"]),
    ("a list follows the input", {"row": ["7"]}, DEFAULT, ["1", "2", "7"]),
    ("a short list is filled up", {"row": ["7"]}, ADDED, ["1", "2", "7", None]),
    ("a list beside Data", {"row": ["7", None], "next": "data"}, ADDED, ["1", "2", "7", None]),
    ("a list in a whole header is an error", {"row": ["7", "8"]}, REPLACED, ["2", None, "7,8"]),
    ("a map is laid over the input", {"row": {"a": "9", "x": "7"}}, ADDED, ["9", "2", "7", None]),
    ("a map beside Data", {"row": {"x": "7"}, "next": "data"}, ADDED, ["1", "2", "7", None]),
    ("a map in a whole header stands alone", {"row": {"x": "7"}}, REPLACED, [None, "7", None]),
    ("unknown columns are dropped", {"row": {"z": "7"}}, DEFAULT, ["1", "2", None]),
    ("numbers and booleans are written out", {"row": [1, True]}, ADDED, ["1", "2", "1", "true"]),
    ("a map with an error", {"row": {"error": "no"}}, DEFAULT, ["1", "2", "no"]),
    (
        "columns that the input lacks are empty, others than its own are not carried",
        {"error": "no"},
        Rules(default_header(("b", "c")), COLUMNS),
        ["2", None, "no"],
    ),
]
FAILING = {"error", "text", "bad_fields", "crash"}


@pytest.mark.parametrize(
    ("returned", "rules", "line"), [pytest.param(*case[1:], id=case[0]) for case in WRITTEN]
)
def test_a_return_writes_one_line(returned: dict[str, Any], rules: Rules, line: Row) -> None:
    assert list(interpret(returned, rules, ROW).lines) == [line]


@pytest.mark.parametrize(
    ("returned", "rules", "line"), [pytest.param(*case[1:], id=case[0]) for case in WRITTEN]
)
def test_errors_count_as_failed_and_rows_as_succeeded(
    returned: dict[str, Any], rules: Rules, line: Row
) -> None:
    outcome = interpret(returned, rules, ROW)

    row = returned.get("row")
    failed = bool(FAILING & returned.keys()) or (isinstance(row, dict) and bool(row.get("error")))
    assert (outcome.failed, outcome.succeeded) == ((1, 0) if failed else (0, 1))


@pytest.mark.parametrize("returned", [{"ok": True}, {"ok": True, "next": "data"}])
def test_ok_succeeds_and_writes_nothing(returned: dict[str, Any]) -> None:
    outcome = interpret(returned, DEFAULT, ROW)

    assert (outcome.lines, outcome.failed, outcome.succeeded) == ((), 0, 1)
    assert outcome.end is None


def test_several_rows_for_one_are_an_error_in_it() -> None:
    outcome = interpret({"rows": [["7"], {"x": "8"}], "next": "data"}, ADDED, ROW)

    reason = "2 rows for one: only a task without input may return several rows"
    assert list(outcome.lines) == [["1", "2", None, reason]]
    assert (outcome.failed, outcome.succeeded) == (1, 0)


def test_a_list_of_one_row_is_that_row() -> None:
    assert interpret({"rows": [["7"]]}, ADDED, ROW) == interpret({"row": ["7"]}, ADDED, ROW)


@pytest.mark.parametrize(
    ("returned", "rules", "reason"),
    [
        ({"row": []}, ADDED, None),
        ({"row": []}, REPLACED, ""),
        ({"rows": []}, ADDED, None),
        ({"text": "", "next": "data"}, ADDED, None),
        ({"text": "", "next": "data"}, REPLACED, ""),
        ({"error": ""}, ADDED, ""),
        ({"error": ""}, REPLACED, ""),
    ],
)
def test_an_empty_row_or_text_fails_with_as_little_of_a_reason_as_in_the_original(
    returned: dict[str, Any], rules: Rules, reason: str | None
) -> None:
    outcome = interpret(returned, rules, ROW)

    assert outcome.lines[0][-1] == reason
    assert (outcome.failed, outcome.succeeded) == (1, 0)


@pytest.mark.parametrize(("cells", "shown"), [(["7", 8], "7,8"), (["7", None], None)])
def test_a_list_in_a_whole_header_is_one_cell(cells: Row, shown: str | None) -> None:
    """Written as Kazoo writes a list in a cell: not at all, if one of its items is undefined."""
    assert interpret({"row": cells}, REPLACED, ROW).lines[0] == ["2", None, shown]


@pytest.mark.parametrize(
    ("returned", "rules", "shown"),
    [
        ({"other": 5}, DEFAULT, None),
        ({"other": 5}, REPLACED, "5"),
        ({"other": 5, "bare": True}, DEFAULT, "5"),
        ({"other": 5, "bare": True}, REPLACED, "5"),
        ({"other": True}, REPLACED, "true"),
        ({"other": True, "bare": True}, DEFAULT, "true"),
        ({"other": True, "bare": True}, REPLACED, None),
        ({"other": "text", "bare": True}, REPLACED, "text"),
        ({"other": None}, DEFAULT, None),
    ],
)
def test_a_value_that_the_list_does_not_have_fails_its_row_as_in_the_original(
    returned: dict[str, Any], rules: Rules, shown: str | None
) -> None:
    outcome = interpret(returned, rules, ROW)

    assert outcome.lines[0][-1] == shown
    assert (outcome.failed, outcome.succeeded, outcome.end) == (1, 0, None)


def test_a_map_with_an_empty_error_succeeds() -> None:
    outcome = interpret({"row": {"error": ""}}, DEFAULT, ROW)

    assert (outcome.failed, outcome.succeeded) == (0, 1)


def test_stop_ends_the_task_and_its_row_is_neither_written_nor_counted() -> None:
    outcome = interpret({"stop": True}, DEFAULT, ROW)

    assert (outcome.lines, outcome.failed, outcome.succeeded) == ((), 0, 0)
    assert outcome.end is End.STOP


@pytest.mark.parametrize(
    "returned", [{"ok": True}, {"error": "no"}, {"row": ["7"]}, {"rows": [["7"], ["8"]]}]
)
def test_stop_as_data_ends_the_task_after_the_return_was_counted(returned: dict[str, Any]) -> None:
    outcome = interpret({**returned, "next": "stop"}, DEFAULT, ROW)
    without_stop = interpret(returned, DEFAULT, ROW)

    assert outcome.end is End.STOP
    assert outcome.lines == without_stop.lines
    assert (outcome.failed, outcome.succeeded) == (without_stop.failed, without_stop.succeeded)


@pytest.mark.parametrize(("ends", "end"), [(True, End.CRASH), (False, None)])
def test_a_crash_ends_the_task_unless_the_action_goes_on(*, ends: bool, end: End | None) -> None:
    rules = Rules(default_header(COLUMNS), COLUMNS, ends_on_crash=ends)
    assert interpret(CRASH, rules, ROW).end is end


def test_a_csv_task_cannot_return_a_file() -> None:
    outcome = interpret({"file": "/etc/passwd"}, DEFAULT, ROW)

    assert (outcome.failed, outcome.file, outcome.end) == (1, None, None)


def test_of_two_input_columns_with_one_name_the_last_counts_for_a_map() -> None:
    columns = ("a", "a")
    rules = Rules(whole_header(("a", "error")), columns)
    assert list(interpret({"error": "no"}, rules, ROW).lines) == [["2", "no"]]


def test_the_input_row_is_left_as_it_was() -> None:
    row = list(ROW)
    interpret({"row": {"a": "9"}}, ADDED, row)
    interpret({"row": ["9", "9"]}, ADDED, row)
    interpret({"error": "no"}, DEFAULT, row)
    assert row == ROW
