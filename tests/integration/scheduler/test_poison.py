"""A row that kills every process that takes it is found, and its task outlives it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.scheduler import rows
from tasks_bindings import INIT, App, Category, Context, Row, Step, row
from tasks_bindings.wire.topology import DELIVERY_LIMIT
from tests.integration.scheduler.kit import Engine, RunningApp, numbers, table

pytestmark = pytest.mark.store

ROWS = 600
POISON = 333
LARGEST = 1000
"""Rows in the largest batch."""


@dataclass
class Supervised:
    """An app whose process dies at one row, and is started again each time."""

    engine: Engine
    on_crash: str
    row_s: float = 0.0
    deaths: int = 0
    _dying: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        t, instance = Category("t"), asyncio.get_running_loop().create_future()

        @t.csv_action(
            "add",
            description="d",
            mandatory=["n"],
            output_header=["sum", "error"],
            on_crash=self.on_crash,
        )
        async def add(_context: Context, data: Any, args: Row) -> Step:
            number = int(args["n"] or 0)
            if number == POISON:
                self._die(await instance)
                await asyncio.Event().wait()
            await asyncio.sleep(self.row_s)
            total = number + (0 if data is INIT else data)
            return row({"sum": total}, total)

        instance.set_result(await self.engine.app(App("t", t)))

    def _die(self, instance: RunningApp) -> None:
        async def die_and_start_again() -> None:
            await instance.die()
            await self.start()

        self.deaths += 1
        dying = asyncio.create_task(die_and_start_again())
        self._dying.add(dying)
        dying.add_done_callback(self._dying.discard)


@pytest.mark.parametrize("on_crash", ["stop", "continue"])
async def test_the_row_gets_the_blame_and_the_action_says_how_it_goes_on(
    engine: Engine, on_crash: str
) -> None:
    app = Supervised(engine, on_crash)
    await app.start()
    await engine.scheduler(batch_rows=LARGEST)
    task, output = await engine.run("add", numbers(ROWS))

    last = POISON if on_crash == "stop" else ROWS
    lines: list[list[str | None]] = []
    total = 0
    for number in range(1, last + 1):
        if number == POISON:
            lines.append([str(number), None, "applier crashed"])
        else:
            total += number
            lines.append([str(number), str(total), None])
    assert output == table(["n", "sum", "error"], lines)
    assert (task.status, task.failed, task.succeeded) == (TaskStatus.PARTIAL, 1, last - 1)


async def test_an_app_that_proves_nothing_does_not_die_for_ever(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that never says that it runs a batch alone."""
    monkeypatch.setattr(rows, "DEATHS_THAT_PROVE", DELIVERY_LIMIT + 2)
    monkeypatch.setattr(rows, "MOST_UNPROVEN", 3)
    app = Supervised(engine, "continue")
    await app.start()
    await engine.scheduler(batch_rows=LARGEST)
    task, output = await engine.run("add", table(["n"], [["1"], [str(POISON)]]))

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason == "every process that took the batch died"
    assert output.startswith(b'"n"')


async def test_no_more_processes_die_than_halving_takes(engine: Engine) -> None:
    app = Supervised(engine, "continue")
    await app.start()
    await engine.scheduler(batch_rows=LARGEST)
    await engine.run("add", numbers(ROWS))

    deliveries = DELIVERY_LIMIT + 1
    assert deliveries <= app.deaths <= deliveries * (math.ceil(math.log2(ROWS)) + 1)


@pytest.mark.parametrize("seed", range(3))
async def test_other_tasks_of_the_app_come_out_whole(engine: Engine, seed: int) -> None:
    """Their rows are in the processes that die, again and again; none of them gets the blame."""
    app = Supervised(engine, "stop", row_s=0.02)
    await app.start()
    scheduler = await engine.scheduler(batch_rows=4)
    others = [await engine.submit("add", numbers(12)) for _ in range(3)]
    last = [[str(n)] for n in (1, 2, 3, POISON)]
    poisoned = await engine.submit("add", table(["n"], last))
    for task_id in (*others, poisoned):
        await scheduler.start(task_id)

    assert (await engine.ended(poisoned)).status is TaskStatus.PARTIAL
    sums = [[str(n), str(n * (n + 1) // 2)] for n in range(1, 13)]
    for task_id in others:
        assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
        assert await engine.output(task_id) == table(["n", "sum"], sums)
    assert app.deaths > DELIVERY_LIMIT
