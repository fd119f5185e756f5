"""How often each row was run, from the file that all apps append to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

TIMED: Final = 5
"""Cells in a line of an action that says from when to when a row ran."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Every run of every row, in the order in which they ended."""

    runs: tuple[tuple[str, int, int], ...]
    """Task, row number, process id."""
    spans: tuple[tuple[str, int, int, int], ...] = ()
    """Task, row number, when it began and ended by the machine's clock, nanoseconds."""

    @classmethod
    def read(cls, path: Path) -> Trace:
        """Take in a trace; a file that was never begun is an empty one."""
        if not path.exists():
            return cls(())
        lines = [line.split(",") for line in path.read_text().splitlines()]
        runs = tuple((task, int(row), int(pid)) for task, row, pid, *_ in lines)
        timed = (line for line in lines if len(line) == TIMED)
        return cls(
            runs,
            tuple((task, int(row), int(began), int(ended)) for task, row, _, began, ended in timed),
        )

    @property
    def executions(self) -> int:
        """Runs of rows, repeated ones included."""
        return len(self.runs)

    @property
    def rows(self) -> int:
        """Rows that were run at all."""
        return len({(task, row) for task, row, _ in self.runs})

    @property
    def repeated(self) -> int:
        """Runs beyond the first of each row."""
        return self.executions - self.rows

    @property
    def share_of_repeats(self) -> float:
        """Executions / rows - 1, in percent."""
        return round(100 * self.repeated / self.rows, 2) if self.rows else 0.0

    @property
    def most(self) -> int:
        """How often the row was run that was run most often."""
        counts = Counter((task, row) for task, row, _ in self.runs)
        return max(counts.values(), default=0)

    @property
    def most_at_once(self) -> int:
        """Most rows of one task that ran at the same time, each in a batch of its own.

        First runs alone count: a scheduler that was taken for dead may have a batch out beside the
        same batch of the next owner.
        """
        first: dict[tuple[str, int], tuple[int, int]] = {}
        for task, row, *span in sorted(self.spans, key=lambda one: one[2]):
            first.setdefault((task, row), (span[0], span[1]))
        of_task: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for (task, _), (began, ended) in first.items():
            of_task[task].append((began, ended))
        return max(map(_most_overlapping, of_task.values()), default=0)


def _most_overlapping(spans: Iterable[tuple[int, int]]) -> int:
    changes = sorted(change for began, ended in spans for change in ((began, 1), (ended, -1)))
    return max(accumulate(step for _, step in changes), default=0)
