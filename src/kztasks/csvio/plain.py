"""The common case of CSV, many rows at once: nothing in quotes, nothing wrong.

Whatever is not plainly that case is left to `parse_record`, which knows every rule and says what is
wrong; the rows are the same either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from kztasks.csvio.rows import Row


def parse_plain(records: Sequence[bytes], width: int, short: int) -> list[Row] | None:
    """The rows of records without quotes, if they all are as they should be; else `None`.

    Args:
        records: each with its line terminator; the last one may lack it.
        width: how many cells each row must have.
        short: bytes that a record may have without any limit being looked at.
    """
    if not records or max(map(len, records)) > short:
        return None
    lines = _lines(b"".join(records))
    if lines is None or len(lines) != len(records):
        return None
    rows = [line.split(",") for line in lines]
    if set(map(len, rows)) != {width} or (width == 1 and "" in lines):
        return None  # a ragged row, or a blank line
    if any("" in row for row in rows):
        return [[cell or None for cell in row] for row in rows]
    return cast("list[Row]", rows)  # not copied: no cell is undefined


def _lines(data: bytes) -> list[str] | None:
    """The lines of plain text; `None` if there is a quote in it, or what needs a closer look."""
    if b'"' in data or b"\0" in data:
        return None
    if b"\r" in data:
        if data.count(b"\r") != data.count(b"\r\n") or b"\n\r" in data:
            return None
        data = data.replace(b"\r\n", b"\n")
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        return None
    if not lines[-1]:
        lines.pop()
    return lines
