from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.csvio import EmptyRow, Row, encode_row, encode_rows, encode_texts
from tests.unit.csvio.support import cell_texts, unhurried


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (["a", "b"], '"a","b"\n'),
        (["a", None, "b"], '"a",,"b"\n'),
        (["a", "", "b"], '"a","","b"\n'),
        ([None, None, "b"], ',,"b"\n'),
        (["a", "b", None], '"a","b",\n'),
        (["a", "comma, test"], '"a","comma, test"\n'),
        (["a", 'double quote "test"'], '"a","double quote ""test"""\n'),
        ([None] * 5, ",,,,\n"),
        (["a", "b", None, None, "c"], '"a","b",,,"c"\n'),
        (["two\nlines", "é"], '"two\nlines","é"\n'),
        ([None], "\n"),
    ],
)
def test_a_row_is_written_as_by_kazoo(row: Row, line: str) -> None:
    assert encode_row(row) == line.encode()


def test_a_row_without_cells_cannot_be_written() -> None:
    with pytest.raises(EmptyRow):
        encode_row([])
    with pytest.raises(ValueError, match="without cells"):
        encode_rows([["a"], []])
    with pytest.raises(ValueError, match="without cells"):
        encode_texts([["a"], []])


@unhurried
@given(st.lists(st.lists(st.none() | cell_texts, min_size=1, max_size=4), max_size=6))
def test_many_rows_give_the_same_bytes_as_each_of_them(rows: list[Row]) -> None:
    assert encode_rows(rows) == b"".join(encode_row(row) for row in rows)


@unhurried
@given(st.lists(st.lists(st.none() | cell_texts, min_size=1, max_size=4), max_size=6))
def test_texts_are_written_the_quick_way_and_undefined_cells_are_not(rows: list[Row]) -> None:
    is_undefined = any(cell is None for row in rows for cell in row)

    assert encode_texts(rows) == (None if is_undefined else encode_rows(rows))


@pytest.mark.parametrize(
    ("cell", "written"), [("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "\N{GRINNING FACE}")]
)
def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_is_its_character(
    cell: str, written: str
) -> None:
    assert encode_row([cell]) == f'"{written}"\n'.encode()
