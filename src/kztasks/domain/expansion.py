"""How large the returns of one batch may become as lines of `out.csv`.

A return is as small as its app likes: an empty row is three bytes in a message, and a line of as
many cells as the header has columns, which the app chose too. A name that stands in the header a
thousand times writes its cell a thousand times. So what a message holds says nothing of what it
grows to, and is measured here before anything grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kztasks.csvio import Row

MAX_CELLS: Final = 4_000_000
"""About 64 MiB while they are put together."""
MAX_REPEATED_CHARS: Final = 16 * 1024 * 1024
"""Under a header that names a column more than once; more fits into no record of the log."""
_TOO_MANY: Final = f"the rows of a batch returned more than {MAX_CELLS} cells"
_TOO_LARGE: Final = (
    f"the rows of a batch returned more than {MAX_REPEATED_CHARS} characters, under a header that "
    "names a column more than once"
)


def too_many_cells(lines: int, width: int) -> str | None:
    """Why so many lines of a header's width are too many for a batch; `None` if they are not."""
    return _TOO_MANY if lines * width > MAX_CELLS else None


class Expansion:
    """What the returns of one batch have become so far.

    Args:
        columns: the header of `out.csv`.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._width = len(columns)
        self._repeats = len(set(columns)) < len(columns)
        self._cells = 0
        self._chars = 0

    def is_bounded(self, returns: int) -> bool:
        """Whether so many returns of a row each cannot grow too large, whatever they are."""
        return not self._repeats and too_many_cells(returns, self._width) is None

    def add(self, lines: Sequence[Row]) -> str | None:
        """Count the lines of one return; says why they are too many, if they are."""
        self._cells += sum(map(len, lines))
        if self._repeats:
            self._chars += sum(len(cell) for line in lines for cell in line if cell is not None)
            if self._chars > MAX_REPEATED_CHARS:
                return _TOO_LARGE
        return too_many_cells(self._cells, 1)
