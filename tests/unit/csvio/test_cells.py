from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.csvio import Cell, cell_text
from tests.unit.csvio.support import unhurried

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        ("a, b", "a, b"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-42, "-42"),
        (10**30, "1" + "0" * 30),
        pytest.param(10**5000, None, id="more digits than Python writes"),
        (["x", "y"], "x,y"),
        ([], ""),
        ([["a"], ["b", 1]], "a,b,1"),
        ([[], "a"], ",a"),
        ([1.5, 2], "1.5,2"),
        (["a", True], None),
        (["a", None], None),
        ([{"a": 1}], None),
        ({}, "{}"),
        ({"k": ["v", 1, None, "é"]}, '{"k":["v",1,null,"é"]}'),
        ({"k": math.nan}, None),
        ({"k": b"bytes"}, None),
        (b"bytes", None),
        (object(), None),
    ],
)
def test_a_json_value_has_the_text_that_kazoo_writes(value: object, text: Cell) -> None:
    assert cell_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (100.0, "100.0"),
        (123456.789, "123456.789"),
        (100000.0, "100000.0"),
        (1000000.0, "1.0e+6"),
        (1234567.0, "1234567.0"),
        (1200000.0, "1200000.0"),
        (12000000.0, "1.2e+7"),
        (0.00001, "0.00001"),
        (0.000001234, "0.000001234"),
        (0.0000001234, "1.234e-7"),
        (1e100, "1.0e+100"),
        (-1.25e-100, "-1.25e-100"),
        (5e-324, "5.0e-324"),
        (math.inf, None),
        (math.nan, None),
    ],
)
def test_a_float_is_laid_out_as_erlang_does(value: float, text: Cell) -> None:
    assert cell_text(value) == text


@unhurried
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_reads_back_as_the_same_number(value: float) -> None:
    text = cell_text(value)

    assert text is not None
    assert value == float(text)


@unhurried
@given(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3)))
def test_the_text_of_an_object_is_its_json(value: dict[str, object]) -> None:
    text = cell_text(value)

    assert text is not None
    assert value == json.loads(text)


@unhurried
@given(json_values)
def test_any_json_value_has_a_text_or_none(value: object) -> None:
    assert isinstance(cell_text(value), str | None)


def test_a_list_may_be_nested_deeper_than_python_calls() -> None:
    value: list[object] = ["a"]
    for _ in range(100_000):
        value = [value]

    assert cell_text(value) == "a"
