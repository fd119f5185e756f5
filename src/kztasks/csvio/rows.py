"""What a CSV is made of once it is read: cells, rows, and where they stood in the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Cell: TypeAlias = str | None
"""A cell's text; None is undefined (nothing between two commas), "" is a quoted empty cell."""

Row: TypeAlias = list[Cell]


@dataclass(frozen=True, slots=True)
class Header:
    """The first record: the columns' names.

    Args:
        names: as they stand in the input; a name may occur twice.
        size: bytes from the start of the input to the first row, a byte order mark included.
        next_line: the physical line on which the first row begins.
    """

    names: list[str]
    size: int
    next_line: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in input order, and what is needed to go on after any of them with a new reader.

    Args:
        rows: the cells of each row.
        sizes: for each row, the bytes that it took in the input, its line terminator included.
        lines: for each row, the physical line on which it begins, counted from 1.
        next_line: the physical line after the last row.
    """

    rows: list[Row]
    sizes: list[int]
    lines: list[int]
    next_line: int

    def __len__(self) -> int:
        return len(self.rows)

    def size_of(self, count: int) -> int:
        """How many bytes of input the first `count` rows took."""
        return sum(self.sizes[:count])

    def line_after(self, count: int) -> int:
        """The physical line that follows the first `count` rows."""
        return self.lines[count] if count < len(self.lines) else self.next_line
