"""Lines of `out.csv` with some columns left out: encode, and bring to other columns.

Columns that nothing ever wrote are not in the output. Which these are is known at the end only, so
each batch is committed with the columns that it has; where that is what the whole task has, putting
the output together is copying bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kztasks.csvio import Row, encode_row, encode_rows, encode_texts

_CELL: Final = re.compile(r'(?:"((?:[^"]|"")*)")?(,|\n)')


def encode_lines(
    lines: Sequence[Row], width: int
) -> tuple[tuple[int, ...], tuple[int, ...], bytes]:
    """Encode lines without the columns that none of them defines.

    Args:
        lines: rows of the output, in order.
        width: number of columns of the whole header.

    Returns:
        Indexes of the columns that the bytes have, of those that are defined in any line, and the
        bytes. Lines of another width than the header's are kept as they are, and then so are all
        columns.
    """
    if not lines:
        return (), (), b""
    everything = tuple(range(width))
    is_uneven = any(len(line) != width for line in lines)
    if not is_uneven and (output := encode_texts(lines)) is not None:
        return everything, everything, output
    if is_uneven:
        written = {index for line in lines for index, cell in enumerate(line) if cell is not None}
        return everything, tuple(i for i in everything if i in written), encode_rows(lines)
    empty = _empty_columns(lines)
    kept = tuple(index for index in everything if index not in empty)
    if not empty or not kept:
        return everything, kept, encode_rows(lines)
    by_column = list(zip(*lines, strict=True))
    picked = zip(*(by_column[index] for index in kept), strict=True)
    return kept, kept, encode_rows(list(cells) for cells in picked)


def _empty_columns(lines: Sequence[Row]) -> frozenset[int]:
    """Indexes of the columns that no line defines. Few lines are looked at, if there is none."""
    empty = [index for index, cell in enumerate(lines[0]) if cell is None]
    for line in lines:
        if not empty:
            break
        empty = [index for index in empty if line[index] is None]
    return frozenset(empty)


def kept_columns(written: tuple[int, ...], width: int) -> tuple[int, ...]:
    """The columns of the finished output: those that were written, or all if none was."""
    return written or tuple(range(width))


def project(output: bytes, columns: tuple[int, ...], kept: tuple[int, ...]) -> bytes:
    """Bring encoded lines from the columns `columns` to the columns `kept`.

    Lines that do not have as many cells as `columns` stay as they are.
    """
    if columns == kept or not output:
        return output
    places = {column: index for index, column in enumerate(columns)}
    picks = [places.get(column) for column in kept]
    return b"".join(
        encode_row([row[place] if place is not None else None for place in picks])
        if len(row) == len(columns)
        else encode_row(row)
        for row in decode_lines(output)
    )


def pick(output: bytes, columns: tuple[int, ...], kept: tuple[int, ...], lines: set[int]) -> bytes:
    """Some of the encoded lines, brought to the columns `kept`.

    Args:
        output: encoded lines.
        columns: the columns that they have.
        kept: the columns that are wanted.
        lines: which lines, counted from 0.
    """
    rows = [row for index, row in enumerate(decode_lines(output)) if index in lines]
    return project(encode_rows(rows), columns, kept) if rows else b""


def decode_lines(output: bytes) -> list[Row]:
    """The inverse of encoding: every defined cell is in quotes, every line ends in a line feed."""
    rows: list[Row] = []
    row: Row = []
    for match in _CELL.finditer(output.decode()):
        quoted = match[1]
        row.append(None if quoted is None else quoted.replace('""', '"'))
        if match[2] == "\n":
            rows.append(row)
            row = []
    return rows
