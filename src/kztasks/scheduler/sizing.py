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
        first_rows: rows of the first batch, while nobody knows how long one takes.
        row_s: seconds that a row takes, as far as other tasks know; those of this one may differ.
    """

    def __init__(
        self,
        *,
        target_s: float,
        max_rows: int,
        first_rows: int = FIRST_ROWS,
        row_s: float | None = None,
    ) -> None:
        self._target_s = target_s
        self._max_rows = max_rows
        self._limit = min(first_rows if row_s is None else max_rows, max_rows)
        self._row_s = row_s
        self._suspects = 0

    @property
    def is_searching(self) -> bool:
        """Whether a row that kills its apps is among the next ones."""
        return self._suspects > 0

    @property
    def row_s(self) -> float | None:
        """Seconds that a row takes, pauses not counted; `None` while nobody knows."""
        return self._row_s

    def rows(self, pause_s: float) -> int:
        """Rows for the next batch, 1 at least.

        Args:
            pause_s: seconds of pause after each row.
        """
        limit = self._limit if not self._suspects else min(self._limit, self._suspects // 2)
        if self._row_s is None:
            return 1 if pause_s > 0 else max(1, limit)
        each = self._row_s + pause_s
        if each * limit > self._target_s:
            limit = int(self._target_s / each)
        return max(1, limit)

    def learn(self, *, rows: int, worked_s: float) -> None:
        """Take in how long a batch took, pauses not counted."""
        if rows <= 0:
            return
        self.cleared(rows)
        measured = min(worked_s / rows, self._target_s)
        mean = self._row_s
        self._row_s = measured if mean is None else mean + SMOOTHING * (measured - mean)
        self._limit = min(self._max_rows, max(self._limit, rows * GROWTH))

    def halve(self, rows: int) -> None:
        """Never again more than half of `rows`: so many do not fit into a message."""
        self._max_rows = max(1, rows // 2)
        self._limit = min(self._limit, self._max_rows)

    def suspect(self, rows: int) -> None:
        """One at least of the next `rows` rows kills its apps; half of them at most come next.

        What remains after a batch that went well is halved again, so the row is found after as many
        deaths as `rows` can be halved.
        """
        self._suspects = rows

    def cleared(self, rows: int) -> None:
        """The next `rows` rows are behind."""
        self._suspects = max(0, self._suspects - rows)
