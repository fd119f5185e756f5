"""What each return means for a task without input: the seed's list ("Return values")."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.csvio import Row
from kztasks.domain.header import whole_header
from kztasks.domain.outcome import End, Rules, interpret
from tests.unit.domain.support import NOINPUT, NOINPUT_NO_ERROR

ONE_COLUMN = Rules(whole_header(("x",)), None)


@pytest.mark.parametrize(
    ("returned", "lines"),
    [
        pytest.param({"row": ["1", "2", None]}, [["1", "2", None]], id="a list is a line"),
        pytest.param({"row": {"y": "2"}}, [[None, "2", None]], id="a map is a line"),
        pytest.param(
            {"row": {"error": "odd"}}, [[None, None, "odd"]], id="a map with an error as well"
        ),
        pytest.param(
            {"rows": [["1", "2", "3"], {"x": "4"}]},
            [["1", "2", "3"], ["4", None, None]],
            id="several rows are several lines",
        ),
        pytest.param({"text": "free text"}, [["free text"]], id="text is a line of its own"),
    ],
)
@pytest.mark.parametrize("beside", [{}, {"next": "data"}])
def test_what_is_written_succeeds(
    returned: dict[str, Any], lines: list[Row], beside: dict[str, str]
) -> None:
    outcome = interpret({**returned, **beside}, NOINPUT, [])

    assert list(outcome.lines) == lines
    assert (outcome.failed, outcome.succeeded) == (0, len(lines))
    assert outcome.end is None


def test_ok_beside_data_neither_writes_nor_counts() -> None:
    outcome = interpret({"ok": True, "next": "data"}, NOINPUT, [])
    assert (outcome.lines, outcome.failed, outcome.succeeded) == ((), 0, 0)


def test_ok_alone_is_counted_as_successful() -> None:
    outcome = interpret({"ok": True}, NOINPUT, [])
    assert (outcome.lines, outcome.failed, outcome.succeeded) == ((), 0, 1)


@pytest.mark.parametrize("beside", [{}, {"next": "data"}])
def test_an_error_stands_in_the_error_column_and_fails(beside: dict[str, str]) -> None:
    outcome = interpret({"error": "no", **beside}, NOINPUT, [])

    assert list(outcome.lines) == [[None, None, "no"]]
    assert (outcome.failed, outcome.succeeded) == (1, 0)


def test_without_an_error_column_an_error_is_a_line_of_its_own() -> None:
    assert list(interpret({"error": "no"}, NOINPUT_NO_ERROR, []).lines) == [["no"]]


def test_stop_ends_the_task_and_is_not_counted() -> None:
    outcome = interpret({"stop": True}, NOINPUT, [])

    assert (outcome.lines, outcome.failed, outcome.succeeded) == ((), 0, 0)
    assert outcome.end is End.STOP


def test_stop_as_data_ends_the_task_after_its_rows_were_written() -> None:
    outcome = interpret({"rows": [["1"], ["2"]], "next": "stop"}, ONE_COLUMN, [])

    assert len(outcome.lines) == outcome.succeeded == 2
    assert outcome.end is End.STOP


@pytest.mark.parametrize(("ends", "end"), [(True, End.CRASH), (False, None)])
def test_a_crash_is_a_line_of_its_own_and_fails(*, ends: bool, end: End | None) -> None:
    rules = Rules(whole_header(("x", "error")), None, ends_on_crash=ends)
    outcome = interpret({"crash": {"type": "KeyError", "message": ""}}, rules, [])

    assert list(outcome.lines) == [["applier crashed"]]
    assert (outcome.failed, outcome.end) == (1, end)


def test_a_file_ends_the_task() -> None:
    outcome = interpret({"file": "/tmp/numbers.csv"}, NOINPUT, [])

    assert (outcome.file, outcome.end) == ("/tmp/numbers.csv", End.STOP)
    assert (outcome.lines, outcome.failed, outcome.succeeded) == ((), 0, 0)


@pytest.mark.parametrize(
    ("returned", "lines", "cells"),
    [
        ({"row": ["1"]}, [["1"]], 1),
        ({"row": ["1", "2", "3", "4"]}, [["1", "2", "3", "4"]], 4),
        ({"rows": [["1", "2", "3"], ["4"], ["5", "6", "7"]]}, [["1", "2", "3"], ["4"]], 1),
        ({"rows": [["1", "2", "3"], "4"]}, [["1", "2", "3"]], 0),
    ],
)
def test_a_row_that_does_not_fit_the_header_ends_the_task_with_a_reason(
    returned: dict[str, Any], lines: list[Row], cells: int
) -> None:
    outcome = interpret(returned, NOINPUT, [])

    assert list(outcome.lines) == lines
    assert outcome.end is End.FAULT
    assert outcome.reason == f"a returned row has {cells} cells, the output header has 3"
    assert (outcome.failed, outcome.succeeded) == (0, sum(len(line) == 3 for line in lines))


@pytest.mark.parametrize(
    "returned", [{"text": ""}, {"error": ""}, {"row": []}, {"other": 5}, {"other": None}]
)
def test_what_has_nothing_to_write_fails(returned: dict[str, Any]) -> None:
    outcome = interpret(returned, NOINPUT, [])
    assert (outcome.lines, outcome.failed, outcome.succeeded, outcome.end) == ((), 1, 0, None)
