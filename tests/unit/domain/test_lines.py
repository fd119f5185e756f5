"""Lines of the log with their unwritten columns left out lose nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.csvio import Row, encode_rows
from kztasks.domain.lines import decode_lines, encode_lines, kept_columns, pick, project

cells = (
    st.none() | st.text(max_size=4) | st.sampled_from(["", '"', '""', ",", "\n", "\r\n", 'a"\n,'])
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Row], int]:
    """Lines of one width; some of their columns are never defined."""
    width = draw(st.integers(1, 5))
    unwritten = draw(st.sets(st.integers(0, width - 1)))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6))
    return [
        [None if place in unwritten else cell for place, cell in enumerate(row)] for row in rows
    ], width


def picked(rows: list[Row], columns: tuple[int, ...]) -> list[Row]:
    return [[row[column] for column in columns] for row in rows]


@given(table=tables())
def test_what_was_encoded_is_decoded_as_it_was(table: tuple[list[Row], int]) -> None:
    rows, width = table
    columns, _, output = encode_lines(rows, width)

    assert decode_lines(output) == picked(rows, columns)


@given(table=tables())
def test_the_columns_written_are_those_with_a_defined_cell(table: tuple[list[Row], int]) -> None:
    rows, width = table
    columns, written, _ = encode_lines(rows, width)

    defined = {place for row in rows for place, cell in enumerate(row) if cell is not None}
    assert written == tuple(sorted(defined))
    assert set(written) <= set(columns)


@given(table=tables(), data=st.data())
def test_projecting_encoded_lines_equals_encoding_the_projected_rows(
    table: tuple[list[Row], int], data: st.DataObject
) -> None:
    rows, width = table
    columns, written, output = encode_lines(rows, width)
    elsewhere = data.draw(st.sets(st.integers(0, width - 1)))
    kept = kept_columns(tuple(sorted({*written, *elsewhere})), width)

    assert project(output, columns, kept) == encode_rows(picked(rows, kept))


@given(table=tables())
def test_lines_that_have_the_columns_of_the_whole_output_are_copied(
    table: tuple[list[Row], int],
) -> None:
    rows, width = table
    columns, _, output = encode_lines(rows, width)

    assert project(output, columns, columns) is output


@given(
    table=tables(),
    ragged=st.lists(st.lists(cells, min_size=1, max_size=9), min_size=1, max_size=3),
    data=st.data(),
)
def test_lines_of_another_width_are_kept_as_they_are(
    table: tuple[list[Row], int], ragged: list[Row], data: st.DataObject
) -> None:
    straight, width = table
    rows: list[Row] = data.draw(st.permutations([*straight, *ragged]))
    columns, written, output = encode_lines(rows, width)
    kept = kept_columns(written, width)

    expected = [picked([row], kept)[0] if len(row) == width else row for row in rows]
    assert project(output, columns, kept) == encode_rows(expected)


def test_a_text_beside_whole_lines_is_not_cut_to_the_columns() -> None:
    columns, written, output = encode_lines([["free text"], [None, None, "3"]], 3)

    assert project(output, columns, kept_columns(written, 3)) == b'"free text"\n,"3"\n'


def test_nothing_written_keeps_every_column() -> None:
    assert kept_columns((), 3) == (0, 1, 2)
    assert kept_columns((1,), 3) == (1,)


@pytest.mark.parametrize("kept", [(0,), (0, 1), ()])
def test_no_lines_stay_no_lines(kept: tuple[int, ...]) -> None:
    columns, written, output = encode_lines([], 2)

    assert written == ()
    assert project(output, columns, kept) == b""


@given(table=tables(), wanted=st.sets(st.integers(0, 7)))
def test_picked_lines_are_those_of_the_rows_that_were_wanted(
    table: tuple[list[Row], int], wanted: set[int]
) -> None:
    rows, width = table
    columns, written, output = encode_lines(rows, width)
    kept = kept_columns(written, width)
    expected = [row for index, row in enumerate(picked(rows, kept)) if index in wanted]

    assert decode_lines(pick(output, columns, kept, wanted)) == expected
