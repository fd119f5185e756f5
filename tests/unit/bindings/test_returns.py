"""The seed's list of returns, by constructor and as loose values, as they go over the wire."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tasks_bindings import INIT, STOP, Step, error, file, ok, row, rows, text
from tasks_bindings.errors import BadReturn
from tasks_bindings.sdk.returns import KEEP, to_step

A: list[str | int] = ["a", 1]
B = {"x": "b"}


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        pytest.param(STOP, {"stop": True}, id="stop"),
        pytest.param(ok(), {"ok": True}, id="ok"),
        pytest.param(ok, {"ok": True}, id="ok that was not called"),
        pytest.param(error("why"), {"error": "why"}, id="an error"),
        pytest.param(row(A), {"row": A}, id="a row"),
        pytest.param(row(("a", 1)), {"row": A}, id="a row of a tuple"),
        pytest.param(row(B), {"row": B}, id="a row by column"),
        pytest.param(rows([A, B]), {"rows": [A, B]}, id="rows"),
        pytest.param(rows([]), {"rows": []}, id="no rows"),
        pytest.param(file(Path("/x/y.csv")), {"file": "/x/y.csv"}, id="a file"),
    ],
)
def test_a_return_without_data_keeps_the_data_as_it_is(value: object, wire: dict[str, Any]) -> None:
    assert to_step(value) == Step(wire, KEEP)


@pytest.mark.parametrize(
    ("value", "wire", "data"),
    [
        pytest.param("why", {"error": "why"}, ["why"], id="a string is an error"),
        pytest.param(A, {"row": A}, A, id="a list is a row"),
        pytest.param([], {"row": []}, [[]], id="an empty list is an empty row"),
        pytest.param(B, {"row": B}, B, id="a mapping is a row"),
        pytest.param([A, A], {"rows": [A, A]}, [A, A], id="a list of lists is rows"),
        pytest.param([B, B], {"rows": [B, B]}, [B, B], id="a list of mappings is rows"),
        pytest.param([("a", 1)], {"rows": [A]}, [("a", 1)], id="a list of tuples is rows"),
    ],
)
def test_a_loose_value_that_stands_alone_is_the_next_data_as_in_the_original(
    value: object, wire: dict[str, Any], data: object
) -> None:
    assert to_step(value) == Step(wire, data, is_loose=True)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        pytest.param(ok(7), {"ok": True}, id="{ok, Data}"),
        pytest.param((ok(), 7), {"ok": True}, id="ok beside Data"),
        pytest.param(row(A, 7), {"row": A}, id="{Row, Data}"),
        pytest.param((A, 7), {"row": A}, id="a list beside Data"),
        pytest.param((B, 7), {"row": B}, id="a mapping beside Data"),
        pytest.param((row(B), 7), {"row": B}, id="row() beside Data"),
        pytest.param(rows([A], 7), {"rows": [A]}, id="{Rows, Data}"),
        pytest.param(([A, A], 7), {"rows": [A, A]}, id="a list of rows beside Data"),
        pytest.param((ok, 7), {"ok": True}, id="ok that was not called beside Data"),
        pytest.param(text("line", 7), {"text": "line"}, id="{binary(), Data}"),
        pytest.param(("line", 7), {"text": "line"}, id="a string beside Data"),
        pytest.param(error("why", 7), {"error": "why"}, id="{Error, Data}"),
    ],
)
def test_data_stands_beside_any_return(value: object, wire: dict[str, Any]) -> None:
    assert to_step(value) == Step(wire, 7)


@pytest.mark.parametrize("data", [None, STOP, 0, "", [], {"a": 1}])
def test_any_value_can_be_data(data: object) -> None:
    assert to_step(ok(data)) == Step({"ok": True}, data)
    assert to_step((ok(), data)) == Step({"ok": True}, data)


@pytest.mark.parametrize(
    ("value", "shown", "data", "says"),
    [
        (None, None, [None], "NoneType (does it lack a return statement?)"),
        (True, True, [True], "returned bool"),
        (42, 42, [42], "returned int"),
        (("a", 1, 2), None, [("a", 1, 2)], "returned tuple"),
        (INIT, None, KEEP, "returned Sentinel"),
        (b"why", None, KEEP, "returned bytes"),
        ((b"why",), None, KEEP, "returned tuple"),
    ],
)
def test_what_no_line_of_the_list_covers_is_told_and_logged(
    value: object, shown: object, data: object, says: str
) -> None:
    """Alone it is in a list the next `Data`, as in the original, if it can be JSON at all."""
    with capture_logs() as logs:
        assert to_step(value) == Step({"other": shown, "bare": True}, data, is_loose=True)
        assert to_step((value, 7)) == Step({"other": shown}, 7)
    assert [one["event"] for one in logs] == ["bad_return"] * 2
    assert all(says in one["why"] for one in logs)


def test_a_return_that_has_data_already_stands_beside_no_other() -> None:
    with pytest.raises(BadReturn, match="Data already stands beside another Data"):
        to_step((ok(1), 2))


def test_an_error_without_a_text_could_not_be_told_from_a_success() -> None:
    with pytest.raises(BadReturn, match="needs a text"):
        error("")


def test_a_text_is_no_row() -> None:
    with pytest.raises(BadReturn, match="not the text 'abc'"):
        row("abc")
    with pytest.raises(BadReturn, match="not the text 'abc'"):
        rows(["abc"])


@pytest.mark.parametrize("returned", [row, lambda cells: cells, lambda cells: (cells, 7)])
def test_a_row_is_as_it_was_when_it_was_returned(returned: Callable[[list[str]], object]) -> None:
    cells = ["a"]
    step = to_step(returned(cells))
    cells.append("b")
    assert step.wire == {"row": ["a"]}
