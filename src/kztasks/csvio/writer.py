"""Writes rows as Kazoo does: cells in quotes, a line feed after each row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kztasks.csvio.errors import EmptyRow
from kztasks.csvio.rows import Row


def encode_row(row: Row) -> bytes:
    r"""One row as a line of CSV.

    An undefined cell is written as nothing, any other one in quotes with its quotes doubled (RFC
    4180, 2.5 to 2.7), so that "" and None stay different. A row of one undefined cell gives a blank
    line, which no reader takes for a row.

    Raises:
        EmptyRow: the row has no cells.
    """
    return _encode(_line(row))


def encode_rows(rows: Iterable[Row]) -> bytes:
    """Many rows at once; the same bytes as `encode_row` of each.

    Raises:
        EmptyRow: a row has no cells.
    """
    return _encode("".join([_line(row) for row in rows]))


def encode_texts(rows: Sequence[Row]) -> bytes | None:
    """The common case, quicker: the bytes of `encode_rows`, or `None` if a cell is undefined.

    Raises:
        EmptyRow: a row has no cells.
    """
    try:
        text = '"\n"'.join(['","'.join(row) for row in rows])  # type: ignore[arg-type]  # tried
    except TypeError:
        return None
    if not rows or not all(rows) or text.count('"') != 2 * (sum(map(len, rows)) - 1):
        return encode_rows(rows)  # some quotes have to be doubled
    return _encode(f'"{text}"\n')


def _line(row: Row) -> str:
    if not row:
        raise EmptyRow
    cells = [
        "" if cell is None else f'"{cell}"' if '"' not in cell else _quoted(cell) for cell in row
    ]
    return ",".join(cells) + "\n"


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # JSON can spell halves of surrogate pairs, which UTF-8 cannot hold
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return whole.encode()
