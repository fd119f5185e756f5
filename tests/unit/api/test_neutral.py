"""Cells that a spreadsheet would compute are made text; all others stay as they are."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kztasks.api.neutral import MAX_RECORD_BYTES, RecordTooLong, neutralised


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def neutral(*pieces: bytes) -> bytes:
    return b"".join([piece async for piece in neutralised(chunks(*pieces))])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"=1+1,b\n", b"'=1+1,b\n"),
        (b"a,=1+1\r\n", b"a,'=1+1\r\n"),
        (b'"=HYPERLINK(""x"")","b"\n', b'"\'=HYPERLINK(""x"")","b"\n'),
        (b'"a","@SUM(1)"\n', b'"a","\'@SUM(1)"\n'),
        (b"+cmd|x,-cmd\n", b"'+cmd|x,'-cmd\n"),
        (b'"\tx"\n', b'"\'\tx"\n'),
        (b'"a, =b",c\n', b'"a, =b",c\n'),
        (b'"a,=b","=c"\n', b'"a,=b","\'=c"\n'),
        (b'"line\n=1",=2\n', b'"line\n=1",\'=2\n'),
        (b"=1", b"'=1"),
        (b"-,+\n", b"'-,'+\n"),
    ],
)
async def test_a_cell_that_may_be_a_formula_gets_an_apostrophe(before: bytes, after: bytes) -> None:
    assert await neutral(before) == after
    assert await neutral(*(before[at : at + 1] for at in range(len(before)))) == after


@pytest.mark.parametrize(
    "csv_text",
    [
        b"a,b\n1,2\n",
        b'"-5","+14155550123","3.5","-0.25"\n',
        b"-5,+14155550123\r\n",
        b'"",,"a=b","1-2"\n',
        b"",
        b"\xff\xfe,broken\n",
    ],
)
async def test_numbers_and_plain_text_are_left_alone(csv_text: bytes) -> None:
    assert await neutral(csv_text) == csv_text


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=4), min_size=1, max_size=5))
@settings(max_examples=200)
async def test_a_reader_finds_the_same_cells_but_for_the_apostrophes(rows: list[list[str]]) -> None:
    rows = [[cell.replace("\r", "").replace("\0", "") for cell in row] for row in rows]
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(rows)
    written = await neutral(buffer.getvalue().encode("utf-8", "surrogatepass"))
    found = list(csv.reader(io.StringIO(written.decode("utf-8", "surrogatepass"), newline="")))

    for row, read in zip(rows, found, strict=True):
        for cell, seen in zip(row, read, strict=True):
            assert seen in {cell, f"'{cell}"}
            if cell[:1] in {"=", "@", "\t"}:
                assert seen == f"'{cell}"


async def test_a_record_that_does_not_fit_ends_the_download() -> None:
    with pytest.raises(RecordTooLong):
        await neutral(b'"' + b"x" * (MAX_RECORD_BYTES + 10))


async def test_a_hostile_row_takes_no_longer_than_a_plain_one() -> None:
    row = b",".join([b'"=,"'] * 20_000) + b"\n"
    began = time.process_time()
    await neutral(row)
    assert time.process_time() - began < 1.0
