"""How often each row was run, from the file that all apps append to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trace:
    """Every run of every row, in the order in which they ended."""

    runs: tuple[tuple[str, int, int], ...]
    """Task, row number, process id."""

    @classmethod
    def read(cls, path: Path) -> Trace:
        """Take in a trace; a file that was never begun is an empty one."""
        if not path.exists():
            return cls(())
        lines = (line.split(",") for line in path.read_text().splitlines())
        return cls(tuple((task, int(row), int(pid)) for task, row, pid in lines))

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
