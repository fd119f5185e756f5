"""Turns one record into its cells, by the rules of RFC 4180, section 2."""

from __future__ import annotations

import re
from itertools import islice, zip_longest
from typing import Final

from kztasks.csvio.errors import CsvError, LimitExceeded, Malformed, UnterminatedQuote
from kztasks.csvio.limits import CsvLimits, Limit
from kztasks.csvio.rows import Row
from kztasks.csvio.splitting import count_breaks

# The quantifiers are possessive, so that no text makes the match go back over what it has seen.
_QUOTED: Final = r'"[^"]*+(?:""[^"]*+)*+"'
_CELL_OR_REST: Final = re.compile(rf'(?:({_QUOTED}|[^",]*+),)|(.+)', re.DOTALL)
_QUOTED_CELL: Final = re.compile(_QUOTED)


def parse_record(record: bytes, line: int) -> Row:
    """The cells of a record. A blank one has none.

    Args:
        record: with or without its line terminator.
        line: the physical line on which it begins, to name in errors.

    Raises:
        Malformed: bad UTF-8, a NUL byte, text before or after a quoted cell, or
            (`UnterminatedQuote`) no closing quote.
    """
    return _cells(_text(record, line), line)


def parse_within_limits(record: bytes, line: int, limits: CsvLimits) -> Row:
    """`parse_record` for a record that is long enough to exceed a limit.

    Raises:
        LimitExceeded: the row or a cell is too long, or there are too many cells. A row that is too
            long because of a misplaced quote is `Malformed` instead.
        Malformed: as for `parse_record`.
    """
    if _is_longer(record, limits.max_row_bytes):
        raise _overflow(record[: limits.max_row_bytes], line, limits)
    text = _text(record, line)
    most = limits.max_columns
    if next(islice(_CELL_OR_REST.finditer(text + ","), most, None), None) is not None:
        raise LimitExceeded(line, limit=Limit.COLUMNS, most=most)
    cells = _cells(text, line)
    most = limits.max_cell_bytes
    if any(cell is not None and len(cell.encode()) > most for cell in cells):
        raise LimitExceeded(line, limit=Limit.CELL_BYTES, most=most)
    return cells


def _text(record: bytes, line: int) -> str:
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        at = line + count_breaks(record[: error.start])
        raise Malformed("the text is not UTF-8.", at) from error
    if "\0" in text:
        raise Malformed("there is a NUL byte.", _line_of(text, text.index("\0"), line))
    return text.rstrip("\r\n")


def _cells(text: str, line: int) -> Row:
    if '"' in text:
        return _quoted_cells(text, line)
    if not text:
        return []
    cells: Row = [*text.split(",")]
    if "" in cells:
        return [cell or None for cell in cells]
    return cells


def _quoted_cells(text: str, line: int) -> Row:
    if text[0] == text[-1] == '"':
        cells: Row = [*text[1:-1].split('","')]
        if text.count('"') == 2 * len(cells):
            return cells  # each quote is at an end or in a separator, so all cells are quoted
    return _mixed_cells(text) or _matched_cells(text, line)


def _mixed_cells(text: str) -> Row | None:
    """The common case of some cells in quotes, quicker; `None` if it is not well formed."""
    parts = text.split('"')  # in turn outside of quotes and inside
    if len(parts) % 2 == 0:
        return None
    parts[0] = "," + parts[0]
    parts[-1] += ","
    cells: Row = []
    quoted: str | None = None
    for outside, inside in zip_longest(parts[::2], parts[1::2]):
        if not outside:  # two quotes side by side are one of the cell
            quoted = f'{quoted}"{inside}'
            continue
        if quoted is not None:
            cells.append(quoted)
        if outside != ",":
            if not outside[0] == outside[-1] == ",":
                return None
            plain = outside[1:-1].split(",")
            cells += plain if ",," not in outside else [cell or None for cell in plain]
        quoted = inside
    return cells


def _matched_cells(text: str, line: int) -> Row:
    parts = _CELL_OR_REST.findall(text + ",")
    rest = parts[-1][1]
    if rest:
        raise _misplaced_quote(text, len(text) + 1 - len(rest), line)
    return [_unquote(cell) if cell else None for cell, _ in parts]


def _unquote(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell[0] == '"' else cell


def _misplaced_quote(text: str, start: int, line: int) -> Malformed:
    """What is wrong with the cell that begins at `start`."""
    if text[start] != '"':
        at = _line_of(text, text.index('"', start), line)
        return Malformed("there is text before a cell's opening quote (RFC 4180, 2.5).", at)
    closed = _QUOTED_CELL.match(text, start)
    if closed is None:
        return UnterminatedQuote(_line_of(text, start, line))
    at = _line_of(text, closed.end(), line)
    return Malformed("there is text after a cell's closing quote (RFC 4180, 2.5).", at)


def _line_of(text: str, position: int, line: int) -> int:
    return line + count_breaks(text[:position].encode())


def _is_longer(record: bytes, most: int) -> bool:
    return len(record) > most + 2 or len(record.rstrip(b"\r\n")) > most


def _overflow(start: bytes, line: int, limits: CsvLimits) -> CsvError:
    """Why a row is too long, judged by as much of it as is allowed."""
    text = start.decode(errors="ignore")
    for match in _CELL_OR_REST.finditer(text + ","):
        if match[2]:
            fault = _misplaced_quote(text, match.start(), line)
            if not isinstance(fault, UnterminatedQuote):
                return fault
            line = fault.line
    return LimitExceeded(line, limit=Limit.ROW_BYTES, most=limits.max_row_bytes)
