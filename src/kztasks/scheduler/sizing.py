"""How many rows the next batch holds. Pure.

Batches are cut by time, so that stop, progress and pause stay quick when rows are slow and the bus
is used well when rows are fast.
"""

from __future__ import annotations

from typing import Final

FIRST_ROWS: Final = 10
"""Rows of the first batch, while nobody knows how long one takes."""
GROWTH: Final = 4
"""A batch is at most so many times larger than the one before."""
SMOOTHING: Final = 0.5
"""Weight of the last batch in the running mean of the time that a row takes."""


class BatchSizer:
    """Learns from each batch how long a row takes.

    Args:
        target_s: seconds of work and pauses that a batch should hold.
        max_rows: most rows in a batch.
    """

    def __init__(self, *, target_s: float, max_rows: int) -> None:
        self._target_s = target_s
        self._max_rows = max_rows
        self._limit = min(FIRST_ROWS, max_rows)
        self._row_s: float | None = None

    def rows(self, pause_s: float) -> int:
        """Rows for the next batch, 1 at least.

        Args:
            pause_s: seconds of pause after each row.
        """
        if self._row_s is None:
            return 1 if pause_s > 0 else self._limit
        each = self._row_s + pause_s
        wanted = self._max_rows if each <= 0 else int(self._target_s / each)
        return max(1, min(wanted, self._limit))

    def learn(self, *, rows: int, worked_s: float) -> None:
        """Take in how long a batch took, pauses not counted."""
        if rows <= 0:
            return
        measured = worked_s / rows
        mean = self._row_s
        self._row_s = measured if mean is None else mean + SMOOTHING * (measured - mean)
        self._limit = min(self._max_rows, max(self._limit, rows * GROWTH))

    def halve(self, rows: int) -> None:
        """Next time at most half of `rows`: a batch of so many killed its apps."""
        self._limit = max(1, rows // 2)
