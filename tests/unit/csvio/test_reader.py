from __future__ import annotations

import pytest

from kztasks.csvio import (
    BlankLine,
    CsvError,
    CsvReader,
    EmptyHeaderCell,
    EmptyInput,
    Malformed,
    NoRows,
    RaggedRow,
    Row,
    UnterminatedQuote,
)
from tests.unit.csvio.support import Fault, read, read_on

BOM = b"\xef\xbb\xbf"


def the_only_row(line: str, width: int) -> Row:
    outcome = read_on(CsvReader(width=width), [line.encode()])
    assert outcome.fault is None
    assert len(outcome.rows) == 1
    return outcome.rows[0]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (",", [None, None]),
        ("1,B", ["1", "B"]),
        ("a,\n", ["a", None]),
        (",a\n", [None, "a"]),
        ("a,\n\n", ["a", None]),
        (',""\n', [None, ""]),
        (',"bla"\n', [None, "bla"]),
        (",,,", [None] * 4),
        ("'a',", ["'a'", None]),
        (",A,,B,\"1, 3\",,'',\n", [None, "A", None, "B", "1, 3", None, "''", None]),
        (
            '1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
            ["1", '{"type": "Point", "coordinates": [102.0, 0.5]}'],
        ),
        ('1,"ha ""ha"" ha"\n', ["1", 'ha "ha" ha']),
        ('"0.1651","ZAMBIA, MOBILE","26094",0', ["0.1651", "ZAMBIA, MOBILE", "26094", "0"]),
        ("test,", ["test", None]),
        ("test,,", ["test", None, None]),
        ("test,,foo bar", ["test", None, "foo bar"]),
        ('"""test""","foo"', ['"test"', "foo"]),
        (',test,"",foo bar', [None, "test", "", "foo bar"]),
        ("  a ,b  ", ["  a ", "b  "]),
        ("a\x85b,\u2028,\x0b\x0c\x1c", ["a\x85b", "\u2028", "\x0b\x0c\x1c"]),
    ],
)
def test_a_row_has_the_cells_that_kazoo_reads(line: str, row: Row) -> None:
    assert the_only_row(line, len(row)) == row


@pytest.mark.parametrize("terminator", ["\r\n", "\n\r", "\r\r", "\n", "\r"])
def test_each_line_terminator_ends_one_line(terminator: str) -> None:
    outcome = read([f"a{terminator}1{terminator}2{terminator}".encode()])

    assert (outcome.names, outcome.rows) == (["a"], [["1"], ["2"]])
    assert outcome.lines == [2, 3]
    assert outcome.fault is None


def test_the_terminators_of_one_input_may_differ() -> None:
    outcome = read([b"a\r\nb\nc\nd\n\re\r\r"])

    assert outcome.rows == [["b"], ["c"], ["d"], ["e"]]


@pytest.mark.parametrize("terminator", ["\r\n", "\n\r", "\r\r", "\n", "\r"])
def test_quotes_protect_line_terminators_commas_and_quotes(terminator: str) -> None:
    outcome = read([f'a,b\n"x{terminator}""y"",{terminator}",2\n3,4\n'.encode()])

    assert outcome.rows == [[f'x{terminator}"y",{terminator}', "2"], ["3", "4"]]
    assert outcome.lines == [2, 5]


def test_the_last_line_may_lack_a_terminator() -> None:
    assert read([b"a,b\n1,2"]).rows == [["1", "2"]]


def test_blank_lines_at_the_end_are_skipped() -> None:
    outcome = read([b"a,b\n1,2\n\n\r\n\n"])

    assert outcome.rows == [["1", "2"]]
    assert outcome.fault is None


def test_a_line_of_spaces_is_not_blank() -> None:
    assert read([b"a\n \n"]).rows == [[" "]]


def test_a_quoted_empty_cell_is_a_row_and_not_a_blank_line() -> None:
    assert read([b'a\n""\n1\n']).rows == [[""], ["1"]]


def test_a_byte_order_mark_is_removed_from_the_start_only() -> None:
    outcome = read([BOM + b'"a",b\n' + BOM + b",2\n"])

    assert outcome.names == ["a", "b"]
    assert outcome.rows == [["\ufeff", "2"]]
    assert outcome.header_size == len(BOM + b'"a",b\n')


def test_a_reader_that_goes_on_in_the_middle_takes_a_byte_order_mark_for_text() -> None:
    assert the_only_row("\ufeff1\n", 1) == ["\ufeff1"]


def test_a_header_may_have_a_name_twice() -> None:
    assert read([b"a,b,a\n1,2,3\n"]).names == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("csv", "kind", "line"),
    [
        (b"", EmptyInput, 1),
        (BOM, EmptyInput, 1),
        (BOM[:2], Malformed, 1),
        (b"\n\r\n\r", EmptyInput, 1),
        (b"a,b\n", NoRows, 2),
        (b"a,b", NoRows, 2),
        (b'"a\nb"\n\n\n', NoRows, 3),
        (b"a,b,\n1,2,3\n", EmptyHeaderCell, 1),
        (b'a,"",c\n1,2,3\n', EmptyHeaderCell, 1),
        (b"a,b,c\n1,2\n", RaggedRow, 2),
        (b"a,b\n1,2\n3,4,5\n", RaggedRow, 3),
        (b'a,b\n"1\n\n",2\n3\n', RaggedRow, 5),
        (b"\na,b\n1,2\n", BlankLine, 1),
        (b"a,b\n\n1,2\n", BlankLine, 2),
        (b"a,b\n1,2\n\n\n3,4\n", BlankLine, 3),
        (b'a,b\nx"y",2\n', Malformed, 2),
        (b'a,b\n1,2\n          "test ,"  ,2\n', Malformed, 3),
        (b'a,b\n"y"x,2\n', Malformed, 2),
        (b'a,b\n"y" "z",2\n', Malformed, 2),
        (b'a,b\n"1\n2","3\n4"x\n', Malformed, 4),
        (b'"has","qu\\"otes\\"","in it"\n', Malformed, 1),
        (b'a,b\n"1,2\n3,4\n', UnterminatedQuote, 2),
        (b'a,b\n"1\n",2,"3\n4\n', UnterminatedQuote, 3),
        (b'"', UnterminatedQuote, 1),
        (b"a,b\n1,\xff\n", Malformed, 2),
        (b'a,b\n"1\n\xc3",2\n', Malformed, 3),
        (b"a,b\n1,2\0\n", Malformed, 2),
    ],
)
def test_a_fault_is_named_with_its_line(csv: bytes, kind: type[CsvError], line: int) -> None:
    assert read([csv]).fault == Fault(kind, line)


def test_rows_before_a_fault_are_given_first() -> None:
    outcome = read([b"a\n1\n2\n3\n4\n5,\n6\n"], max_rows=100)

    assert outcome.rows == [["1"], ["2"], ["3"], ["4"]]
    assert outcome.fault == Fault(RaggedRow, 6)


def test_a_fault_is_raised_again_by_each_further_call_whatever_is_fed() -> None:
    reader = CsvReader(width=1)
    reader.feed(b"1,2\n3")

    for _ in range(3):
        with pytest.raises(RaggedRow):
            reader.take(1)
        reader.feed(b"3\n")
        assert reader.pending
        assert not reader.at_end
    reader.close()
    with pytest.raises(RaggedRow):
        reader.take(1)


def test_an_error_says_in_words_what_is_wrong_and_where() -> None:
    reader = CsvReader(width=3, line=7)
    reader.feed(b"1,2\n3")

    with pytest.raises(RaggedRow) as caught:
        reader.take(1)

    assert str(caught.value) == (
        "Line 7: the header has 3 cells and this row has 2 (RFC 4180, 2.4)."
    )
    assert (caught.value.line, caught.value.expected, caught.value.found) == (7, 3, 2)
    assert caught.value.code == "csv_ragged_row"


def test_an_empty_header_cell_is_named_by_its_column() -> None:
    reader = CsvReader()
    reader.feed(b'a,"",c\n1')

    with pytest.raises(EmptyHeaderCell) as caught:
        reader.read_header()

    assert caught.value.column == 2


def test_a_row_is_given_as_soon_as_it_is_whole() -> None:
    reader = CsvReader(width=2)
    reader.feed(b"1,2\r\n3,")

    assert reader.pending
    assert reader.take(10).rows == [["1", "2"]]
    assert not reader.pending
    assert not reader.at_end


def test_a_row_waits_for_the_second_half_of_its_terminator() -> None:
    reader = CsvReader(width=1)
    reader.feed(b"1\r")
    assert not reader.pending

    reader.feed(b"\n2")

    assert reader.take(10).sizes == [3]


def test_the_header_waits_until_it_is_whole() -> None:
    reader = CsvReader()
    reader.feed(b'a,"b')
    assert reader.read_header() is None

    reader.feed(b'"\n1')
    header = reader.read_header()

    assert header is not None
    assert header.names == ["a", "b"]


def test_take_gives_at_most_the_rows_asked_for() -> None:
    reader = CsvReader(width=1)
    reader.feed(b"1\n2\n3\n4")

    assert reader.take(2).rows == [["1"], ["2"]]
    assert (reader.row_number, reader.waiting) == (2, 1)
    assert reader.take(2).rows == [["3"]]


@pytest.mark.parametrize(
    ("max_bytes", "sizes"),
    [(1, [5]), (5, [5]), (6, [5]), (7, [5, 2]), (9, [5, 2, 2]), (99, [5, 2, 2])],
)
def test_take_stops_before_the_row_that_exceeds_the_bytes_asked_for(
    max_bytes: int, sizes: list[int]
) -> None:
    reader = CsvReader(width=1)
    reader.feed(b"1234\n2\n3\n4")

    assert reader.take(10, max_bytes).sizes == sizes


def test_a_reader_is_at_its_end_when_it_is_closed_and_all_rows_were_taken() -> None:
    reader = CsvReader(width=1)
    reader.feed(b"1\n\n\n")
    reader.close()
    assert not reader.at_end

    reader.take(1)

    assert reader.at_end
    assert reader.take(1).rows == []


def test_a_resumed_reader_with_no_rows_left_is_at_its_end() -> None:
    reader = CsvReader(width=2, line=9, row_number=8)
    reader.close()

    assert reader.at_end


def test_the_header_is_read_before_the_rows() -> None:
    with pytest.raises(RuntimeError):
        CsvReader().take(1)


def test_the_header_is_read_once() -> None:
    with pytest.raises(RuntimeError):
        CsvReader(width=1).read_header()


def test_nothing_can_be_fed_after_the_end() -> None:
    reader = CsvReader()
    reader.close()

    with pytest.raises(RuntimeError):
        reader.feed(b"a")


def test_rows_tell_where_to_go_on_after_any_of_them() -> None:
    reader = CsvReader(width=1, line=5)
    reader.feed(b'1\r\n"2\n"\n3\n4')
    rows = reader.take(10)

    assert len(rows) == 3
    assert [rows.size_of(count) for count in range(4)] == [0, 3, 8, 10]
    assert [rows.line_after(count) for count in range(4)] == [5, 6, 8, 9]
