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
_TOKEN: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"?|,|[^",]++')
_DANGEROUS: Final = b"=+-@\t\r"
_NUMBER: Final = re.compile(rb"[+-]?[0-9][0-9.]*")


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
    pieces, is_start = [], True
    for match in _TOKEN.finditer(record):
        token = match[0]
        pieces.append(_neutral_cell(token) if is_start else token)
        is_start = token == b","
    return b"".join(pieces)


def _neutral_cell(token: bytes) -> bytes:
    """The beginning of a cell, which is all of it in most cases."""
    quote = token[:1] if token[:1] == b'"' else b""
    text = token[len(quote) :]
    if text[:1] not in _DANGEROUS or not text[:1] or _NUMBER.fullmatch(text.rstrip(b'"\r\n')):
        return token
    return quote + b"'" + text
