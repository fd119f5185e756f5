"""Which columns `out.csv` has, and in which order (seed, "Module:output_header(TaskName)")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.domain.header import OutputHeader, csv_header, default_header, whole_header

names = st.lists(st.text(min_size=1), max_size=4).map(tuple)


def test_without_an_output_header_it_is_mandatory_optional_and_error() -> None:
    header = default_header(("mandatory", "optional"))

    assert header.columns == ("mandatory", "optional", "error")
    assert not header.replaced


def test_without_an_output_header_a_task_without_input_has_an_error_column_alone() -> None:
    assert default_header(()).columns == ("error",)


def test_an_actions_columns_come_after_those_of_the_input() -> None:
    header = csv_header(("a", "b"), ("x", "error"))

    assert header.columns == ("a", "b", "x", "error")
    assert (header.carried, header.added) == (("a", "b"), ("x", "error"))


def test_a_column_may_come_twice_when_input_and_action_both_have_it() -> None:
    assert csv_header(("a", "error"), ("error",)).columns == ("a", "error", "error")


def test_a_whole_header_carries_nothing_over() -> None:
    header = whole_header(("x", "error"))

    assert header.columns == ("x", "error")
    assert header.carried == ()
    assert header.replaced


@given(header=st.builds(OutputHeader, names, names, st.booleans()))
def test_a_header_is_the_same_after_it_was_in_the_log(header: OutputHeader) -> None:
    assert OutputHeader.from_json(header.to_json()) == header


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (csv_header(("a",), ("b",)), csv_header((), ("a", "b"))),
        (whole_header(("a",)), csv_header((), ("a",))),
        (csv_header(("a,b",), ("c",)), csv_header(("a",), ("b,c",))),
    ],
)
def test_headers_that_differ_have_other_texts_in_the_log(
    one: OutputHeader, other: OutputHeader
) -> None:
    assert one.to_json() != other.to_json()
