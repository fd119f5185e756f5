"""An app whose output shows every row that was lost, doubled or run with another row's `Data`."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tasks_bindings import INIT, App, Category, Context, Row, Step, row
from tests.integration.scheduler.kit import table


@dataclass
class Adding:
    """An app that adds up what it is given, and what its instances have run.

    Args:
        row_s: seconds that a row takes.
        held: the first run of each of these rows waits for its event.
        held_at_end: the finish hook waits for it, if there is one.
    """

    row_s: float = 0.0
    held: dict[int, asyncio.Event] = field(default_factory=dict)
    held_at_end: asyncio.Event | None = None
    at_end: asyncio.Event = field(default_factory=asyncio.Event)
    """The finish hook was called."""
    ran: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How often each row of each task was run."""
    by_instance: Counter[str] = field(default_factory=Counter)

    def app(self, instance: str = "") -> App:
        """An instance of the app; its name is for `by_instance`."""
        t = Category("t")

        @t.csv_action(
            "add", description="d", mandatory=["n"], output_header=["sum", "error"], data_type=int
        )
        async def add(context: Context, data: Any, args: Row) -> Step:
            number = int(args["n"] or 0)
            self.ran[context.task_id, number] += 1
            self.by_instance[instance] += 1
            if number in self.held and self.ran[context.task_id, number] == 1:
                await self.held[number].wait()
            if self.row_s:
                await asyncio.sleep(self.row_s)
            total = number + (0 if data is INIT else data)
            return row({"sum": total}, total)

        if self.held_at_end is not None:
            add.on_finish(self._finish)
        return App("adding", t)

    async def _finish(self, _action: str, _data: int) -> None:
        self.at_end.set()
        if self.held_at_end is not None:
            await self.held_at_end.wait()

    def has_run(self, number: int) -> bool:
        """Whether any task has come to this row."""
        return any(row == number for _, row in self.ran)

    @property
    def repeated(self) -> int:
        """Rows that were run again."""
        return self.ran.total() - len(self.ran)


def sums(rows: int) -> bytes:
    """The output of `add` for `numbers(rows)`."""
    return table(["n", "sum"], ([str(n), str(n * (n + 1) // 2)] for n in range(1, rows + 1)))
