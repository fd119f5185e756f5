"""A second reading of the dialect, byte by byte and without a care for speed, to hold ours to.

It also says where the dialect departs from Kazoo's own, for inputs on which the two differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from kztasks.csvio import (
    BlankLine,
    Cell,
    CsvError,
    EmptyHeaderCell,
    EmptyInput,
    Malformed,
    NoRows,
    RaggedRow,
    Row,
    UnterminatedQuote,
)
from tests.unit.csvio.support import Fault

BOM = b"\xef\xbb\xbf"
BREAKS = (b"\r\n", b"\n\r", b"\r\r", b"\n", b"\r")


class Departure(Enum):
    """Where we do not do as Kazoo does."""

    BOM_IS_REMOVED = auto()
    QUOTES_PROTECT_LINE_BREAKS = auto()
    TEXT_AROUND_QUOTES_IS_REFUSED = auto()
    BLANK_LINE_BEFORE_A_RECORD_IS_REFUSED = auto()
    ONLY_TEXT_IS_READ = auto()


@dataclass(slots=True)
class Reading:
    """The names, rows and first fault of an input, and the departures met up to there."""

    names: list[str] | None = None
    rows: list[Row] = field(default_factory=list)
    fault: Fault | None = None
    departures: set[Departure] = field(default_factory=set)


class _Refused(Exception):
    def __init__(self, kind: type[CsvError], line: int) -> None:
        self.fault = Fault(kind, line)


def read_by_reference(data: bytes) -> Reading:
    """Read a whole input."""
    reading = Reading()
    if data.startswith(BOM):
        reading.departures.add(Departure.BOM_IS_REMOVED)
        data = data.removeprefix(BOM)
    try:
        _read(data, reading)
    except _Refused as refused:
        reading.fault = refused.fault
    return reading


def _read(data: bytes, reading: Reading) -> None:
    blank_line = None
    line = 1
    for record, breaks in _records(data):
        if not record:
            blank_line = blank_line or line
        elif blank_line is not None:
            reading.departures.add(Departure.BLANK_LINE_BEFORE_A_RECORD_IS_REFUSED)
            raise _Refused(BlankLine, blank_line)
        else:
            _add(_cells(record, line, reading.departures), line, reading)
        line += breaks
    if reading.names is None:
        raise _Refused(EmptyInput, blank_line or line)
    if not reading.rows:
        raise _Refused(NoRows, blank_line or line)


def _add(cells: Row, line: int, reading: Reading) -> None:
    if reading.names is None:
        names = [cell for cell in cells if cell]
        if len(names) != len(cells):
            raise _Refused(EmptyHeaderCell, line)
        reading.names = names
    elif len(cells) != len(reading.names):
        raise _Refused(RaggedRow, line)
    else:
        reading.rows.append(cells)


def _records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Each record without its terminator, and the number of lines that it takes."""
    record, breaks, in_quotes, position = b"", 1, False, 0
    while position < len(data):
        found = next((b for b in BREAKS if data.startswith(b, position)), None)
        taken = found or data[position : position + 1]
        position += len(taken)
        in_quotes ^= taken == b'"'
        if found and not in_quotes:
            yield record, breaks
            record, breaks = b"", 1
        else:
            record += taken
            breaks += found is not None
    if record:
        yield record, breaks


def _cells(record: bytes, line: int, departures: set[Departure]) -> Row:
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        departures.add(Departure.ONLY_TEXT_IS_READ)
        raise _Refused(Malformed, line + _breaks(record[: error.start])) from error
    if "\0" in text:
        departures.add(Departure.ONLY_TEXT_IS_READ)
        raise _Refused(Malformed, line + _breaks(record[: record.index(b"\0")]))
    if _breaks(record):
        departures.add(Departure.QUOTES_PROTECT_LINE_BREAKS)
    cells: list[Cell] = []
    rest: str | None = text
    while rest is not None:
        here = line + _breaks(text[: len(text) - len(rest)].encode())
        cell, rest = _next_cell(rest, here, departures)
        cells.append(cell)
    return cells


def _next_cell(text: str, line: int, departures: set[Departure]) -> tuple[Cell, str | None]:
    """The first cell, and what follows the comma after it."""
    if not text.startswith('"'):
        plain, comma, rest = text.partition(",")
        if '"' in plain:
            departures.add(Departure.TEXT_AROUND_QUOTES_IS_REFUSED)
            raise _Refused(Malformed, line)
        return plain or None, rest if comma else None
    cell, position = "", 1
    while not text.startswith('"', position) or text.startswith('""', position):
        if position >= len(text):
            raise _Refused(UnterminatedQuote, line)
        cell += text[position]
        position += 1 + text.startswith('""', position)
    rest = text[position + 1 :]
    if rest and not rest.startswith(","):
        departures.add(Departure.TEXT_AROUND_QUOTES_IS_REFUSED)
        raise _Refused(Malformed, line + _breaks(text[:position].encode()))
    return cell, rest[1:] if rest else None


def _breaks(data: bytes) -> int:
    count = position = 0
    while position < len(data):
        found = next((b for b in BREAKS if data.startswith(b, position)), None)
        count += found is not None
        position += len(found or b".")
    return count
