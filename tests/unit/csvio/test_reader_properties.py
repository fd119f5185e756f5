from __future__ import annotations

from itertools import accumulate

from hypothesis import assume, given
from hypothesis import strategies as st

from kztasks.csvio import CsvLimits, CsvReader, Row, encode_row, encode_rows
from tests.unit.csvio.reference import read_by_reference
from tests.unit.csvio.support import csv_bytes, cut, read, read_on, tables, unhurried

SMALL = CsvLimits(max_cell_bytes=5, max_row_bytes=12, max_columns=4, max_rows=4)
limits = st.sampled_from([CsvLimits(), SMALL])
positions = st.lists(st.integers(0, 120), max_size=12)


@unhurried
@given(tables())
def test_what_is_written_reads_back_the_same(table: tuple[list[str], list[Row]]) -> None:
    names, rows = table
    outcome = read([encode_row([*names]) + encode_rows(rows)])

    assert outcome.fault is None
    assert (outcome.names, outcome.rows) == (names, rows)


@unhurried
@given(tables(), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_the_sizes_tell_where_each_row_ends(
    table: tuple[list[str], list[Row]], mark: bytes
) -> None:
    names, rows = table
    header = mark + encode_row([*names])
    outcome = read([header + encode_rows(rows)])

    assert outcome.header_size == len(header)
    assert outcome.sizes == [len(encode_row(row)) for row in rows]


@unhurried
@given(csv_bytes)
def test_any_bytes_are_read_as_by_the_reference(data: bytes) -> None:
    reference = read_by_reference(data)
    outcome = read([data])

    assert outcome.fault == reference.fault
    assert (outcome.names, outcome.rows) == (reference.names, reference.rows)


@unhurried
@given(csv_bytes, positions, limits, st.integers(1, 5), st.none() | st.integers(1, 30))
def test_pieces_and_batches_of_any_size_give_the_same(
    data: bytes,
    cuts: list[int],
    limits: CsvLimits,
    max_rows: int,
    max_bytes: int | None,
) -> None:
    whole = read([data], limits)

    assert read(cut(data, cuts), limits, max_rows=max_rows, max_bytes=max_bytes) == whole


@unhurried
@given(csv_bytes, limits)
def test_single_bytes_give_the_same_as_the_whole(data: bytes, limits: CsvLimits) -> None:
    assert read([data], limits) == read(cut(data, range(len(data))), limits)


@unhurried
@given(csv_bytes, positions, limits)
def test_a_new_reader_goes_on_after_any_row(
    data: bytes, cuts: list[int], limits: CsvLimits
) -> None:
    whole = read([data], limits)
    assume(whole.names is not None)
    assert whole.names is not None
    offsets = accumulate(whole.sizes, initial=whole.header_size)
    for done, (offset, line) in enumerate(
        zip(offsets, [*whole.lines, whole.next_line], strict=True)
    ):
        reader = CsvReader(limits, width=len(whole.names), line=line, row_number=done)
        rest = read_on(reader, cut(data[offset:], cuts))

        assert rest.rows == whole.rows[done:]
        assert rest.lines == whole.lines[done:]
        assert rest.sizes == whole.sizes[done:]
        assert (rest.fault, rest.sentence) == (whole.fault, whole.sentence)


@unhurried
@given(st.binary(max_size=200), limits)
def test_any_bytes_whatever_end_in_rows_or_in_a_named_error(data: bytes, limits: CsvLimits) -> None:
    outcome = read([data], limits)

    assert outcome.fault is not None or len(outcome.rows) > 0
