from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import repeat

import pytest

from kztasks.csvio import (
    CsvError,
    CsvLimits,
    CsvReader,
    Limit,
    LimitExceeded,
    Malformed,
)
from tests.unit.csvio.support import Fault, read, read_on

MIB = 1024 * 1024
SMALL = CsvLimits(max_cell_bytes=4, max_row_bytes=10, max_columns=3, max_rows=2)


def limit_exceeded(csv: bytes) -> tuple[Limit, int, int | None] | None:
    """Which limit of `SMALL` stops an input: the limit, what it allows, and the line."""
    reader = CsvReader(SMALL)
    reader.feed(csv)
    reader.close()
    try:
        reader.read_header()
        while not reader.at_end:
            reader.take(10)
    except LimitExceeded as error:
        return error.limit, error.most, error.line
    return None


@pytest.mark.parametrize(
    ("csv", "found"),
    [
        (b"a,b,c\n1,2,3\n4,5,6\n", None),
        (b"a,b,c,d\n1,2,3,4\n", (Limit.COLUMNS, 3, 1)),
        (b"a\n1\n2\n3\n", (Limit.ROWS, 2, 4)),
        (b"a\n1\n2\n\n", None),
        (b"a\n1234\n", None),
        (b"a\n12345\n", (Limit.CELL_BYTES, 4, 2)),
        ("a\nééé\n".encode(), (Limit.CELL_BYTES, 4, 2)),
        (b'a\n"""23"""\n', None),
        (b'a\n1\n"""234"""\n', (Limit.CELL_BYTES, 4, 3)),
        (b"abcde\n1\n", (Limit.CELL_BYTES, 4, 1)),
        (b"a,b,c\n1234,678,0\r\n", None),
        (b"a,b,c\n1234,678,01\n", (Limit.ROW_BYTES, 10, 2)),
        (b'a,b\n"1\n\n","\n"\n', None),
        (b'a,b\n1,"\n\n\n\n\n\n\n\n\n"\n', (Limit.ROW_BYTES, 10, 2)),
        (b'a,b\n"\n","\n\n\n\n\n\n\n\n\n\n\n', (Limit.ROW_BYTES, 10, 3)),
    ],
)
def test_what_is_over_a_limit_is_refused_and_what_is_just_within_is_not(
    csv: bytes, found: tuple[Limit, int, int] | None
) -> None:
    assert limit_exceeded(csv) == found


def test_a_misplaced_quote_is_named_even_if_it_makes_the_row_too_long() -> None:
    csv = b'size,price\n5" pipe,10\n' + b"x,y\n" * MIB

    assert read([csv]).fault == Fault(Malformed, 2)


def test_a_reader_that_goes_on_counts_the_rows_before_it() -> None:
    reader = CsvReader(SMALL, width=1, line=3, row_number=1)
    outcome = read_on(reader, [b"2\n3\n"])

    assert outcome.rows == [["2"]]
    assert outcome.fault == Fault(LimitExceeded, 4)


def endless(start: bytes, unit: bytes) -> Iterator[bytes]:
    """2 MiB in pieces of 64 KiB."""
    yield start
    yield from repeat((unit * (65536 // len(unit) + 1))[:65536], 32)


@pytest.mark.parametrize(
    ("start", "unit", "kind", "line"),
    [
        pytest.param(b'a,b\n1,"', b"x", LimitExceeded, 2, id="a cell without an end"),
        pytest.param(b'a,b\n1,"', b"\n", LimitExceeded, 2, id="lines in a quote left open"),
        pytest.param(b"a,b\n", b'"', LimitExceeded, 2, id="quotes"),
        pytest.param(b"a,b\n", b'"",', LimitExceeded, 2, id="quoted empty cells"),
        pytest.param(b"a,b\n", b'a"b"', Malformed, 2, id="quotes in text"),
        pytest.param(b"a,b\n", b",", LimitExceeded, 2, id="commas"),
        pytest.param(b"", b"a,", LimitExceeded, 1, id="columns"),
        pytest.param(b"", b"\xef\xbb\xbf", LimitExceeded, 1, id="byte order marks"),
        pytest.param(b"a,b\n", b"\r\n", None, None, id="blank lines"),
        pytest.param(b"a,b\n", b"1,2\n", None, None, id="rows"),
    ],
)
def test_memory_is_bounded_whatever_the_bytes_are(
    start: bytes, unit: bytes, kind: type[CsvError] | None, line: int | None
) -> None:
    tracemalloc.start()
    try:
        fault = drain(endless(start, unit))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert fault == (Fault(kind, line) if kind else None)
    assert peak < 8 * MIB


def drain(pieces: Iterable[bytes]) -> Fault | None:
    """Read an input and keep nothing but its fault, after which the rest is fed all the same."""
    reader = CsvReader()
    header, fault = None, None
    for piece in pieces:
        reader.feed(piece)
        try:
            header = header or reader.read_header()
            while header is not None and reader.pending:
                reader.take(1000)
        except CsvError as error:
            fault = Fault.of(error)
    return fault


@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", [b"x", b"\n", b'""', b'"x\n', b"1,2\r\n"])
def test_a_mebibyte_of_single_bytes_takes_no_longer_than_its_length(unit: bytes) -> None:
    reader = CsvReader(width=2)
    for byte in (unit * MIB)[:MIB]:
        reader.feed(bytes([byte]))

    reader.close()


@pytest.mark.timeout(10)
def test_small_batches_from_one_large_piece_take_no_longer_than_its_length() -> None:
    reader = CsvReader(width=2)
    reader.feed(b"1,2\n" * 2_000_000)
    for _ in range(220_000):
        assert len(reader.take(9)) == 9
