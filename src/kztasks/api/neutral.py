"""Keeps a spreadsheet from taking a cell of a CSV for a formula, for those who ask for that.

A cell that begins with one of `= + - @`, a tab or a carriage return gets an apostrophe before it
(OWASP, "CSV injection"). That changes what the cell says, so it is never done unasked. Numbers,
such as -5 or a telephone number with its plus, are left alone.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from kztasks.csvio.splitting import RecordSplitter

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024

_SUSPECT: Final = re.compile(rb'(?:^|,)"?[=+\-@\t\r]')
_CELL: Final = re.compile(rb'(^|,)("?)(?=[=+\-@\t\r])(?![+-]?[0-9][0-9.]*"?(?:[,\r\n]|\Z))')
_QUOTED: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')


class RecordTooLong(RuntimeError):
    """A record is longer than anything that was ever accepted or written."""


async def neutralised(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same CSV, with nothing in it that a spreadsheet computes.

    Args:
        chunks: the CSV, cut anywhere.

    Raises:
        RecordTooLong: a record does not fit into memory.
    """
    splitter = RecordSplitter(MAX_RECORD_BYTES, skip_bom=False)
    async for chunk in chunks:
        yield b"".join(map(_neutral, splitter.feed(chunk)))
    yield b"".join(map(_neutral, splitter.close()))


def _neutral(record: bytes) -> bytes:
    if len(record) > MAX_RECORD_BYTES:
        raise RecordTooLong
    if _SUSPECT.search(record) is None:
        return record
    quoted = [match.span() for match in _QUOTED.finditer(record)]
    pieces, end = [], 0
    for match in _CELL.finditer(record):
        if _is_inside(match.start(), quoted):
            continue  # a comma that belongs to a cell's text
        pieces += [record[end : match.end()], b"'"]
        end = match.end()
    return b"".join([*pieces, record[end:]])


def _is_inside(position: int, spans: list[tuple[int, int]]) -> bool:
    return any(start < position < stop - 1 for start, stop in spans)
