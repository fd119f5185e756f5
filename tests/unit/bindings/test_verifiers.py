"""Cells are verified before the handler sees their row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tasks_bindings import App, Category, Context, Row, row
from tests.unit.bindings.support import batch, run_batch

GOOD: dict[str, Any] = {"row": {}}


def app_with(verifier: Callable[[str], Any], *, mandatory: list[str], optional: list[str]) -> App:
    category = Category("cat")
    category.verifier("a")(verifier)

    @category.csv_action("act", description="A sample", mandatory=mandatory, optional=optional)
    def act(_context: Context, _data: object, args: Row) -> object:
        seen.append(args)
        return row({})

    seen.clear()
    return App("sample", category)


seen: list[Row] = []


def crash(cell: str) -> bool:
    raise ValueError(cell)


def leave(cell: str) -> bool:
    raise SystemExit(cell)


@pytest.mark.parametrize("answer", [True, 1, "yes", re.match("a", "a")])
def test_a_cell_is_valid_if_its_verifier_says_so(answer: object) -> None:
    app = app_with(lambda _: answer, mandatory=["a"], optional=[])
    assert run_batch(app, batch([["x"]])).run.returns == [GOOD]


@pytest.mark.parametrize(
    "verifier", [lambda _: False, lambda _: None, lambda _: 0, crash, leave], ids=lambda it: ""
)
def test_false_and_a_crash_fail_the_row_and_the_handler_is_not_called(
    verifier: Callable[[str], Any],
) -> None:
    app = app_with(verifier, mandatory=["a"], optional=[])
    run = run_batch(app, batch([["x"], ["y"]]))
    assert run.run.returns == [{"bad_fields": ["a"]}] * 2
    assert seen == []
    assert not run.run.ended


def test_every_bad_field_is_named_in_the_order_of_the_header() -> None:
    app = app_with(lambda _: False, mandatory=["b"], optional=["a"])
    one = batch([["x", None], [None, "y"]], columns=("a", "b"))
    assert run_batch(app, one).run.returns == [{"bad_fields": ["a", "b"]}, GOOD]


def test_an_undefined_optional_cell_is_not_verified_and_comes_as_none() -> None:
    app = app_with(lambda _: False, mandatory=[], optional=["a", "b"])
    run_batch(app, batch([[None]]))
    assert seen == [{"a": None, "b": None}]


def test_a_quoted_empty_optional_cell_is_empty_and_verified() -> None:
    app = app_with(lambda cell: cell == "", mandatory=["b"], optional=["a"])
    assert run_batch(app, batch([["", ""]], columns=("a", "b"))).run.returns == [GOOD]
    assert seen == [{"a": "", "b": ""}]


def test_an_empty_mandatory_cell_is_defined_and_verified() -> None:
    app = app_with(lambda cell: cell == "", mandatory=["a"], optional=[])
    assert run_batch(app, batch([[""]])).run.returns == [GOOD]
    assert seen == [{"a": ""}]


def test_a_mandatory_cell_without_a_value_fails_the_row() -> None:
    app = app_with(lambda _: True, mandatory=["a"], optional=[])
    assert run_batch(app, batch([[None]])).run.returns == [{"bad_fields": ["a"]}]


def test_a_mandatory_column_that_the_input_lacks_fails_every_row() -> None:
    app = app_with(lambda _: True, mandatory=["b"], optional=["a"])
    assert run_batch(app, batch([["x"]])).run.returns == [{"bad_fields": ["b"]}]


def test_columns_that_the_action_does_not_know_are_verified_and_handed_on() -> None:
    app = app_with(str.isdigit, mandatory=["b"], optional=[])
    one = batch([["1", "x", ""], ["no", "x", None]], columns=("a", "b", "c"))
    assert run_batch(app, one).run.returns == [GOOD, {"bad_fields": ["a"]}]
    assert seen == [{"a": "1", "b": "x", "c": ""}]
