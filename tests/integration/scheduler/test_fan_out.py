"""A stateless action runs several batches at once; the output does not show it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from tasks_bindings import App, Category, Context, Row, Step, row
from tests.integration.scheduler.exact import records_of
from tests.integration.scheduler.kit import Engine, RunningApp, eventually, numbers, table

pytestmark = pytest.mark.store

ROWS = 400
BATCH = 20
INSTANCES = 2


async def at_once(_number: int) -> None:
    await asyncio.sleep(0)


@dataclass
class Spread:
    """`copy`, with a say in how long each row takes, and an eye on what runs at the same time."""

    engine: Engine
    row: Callable[[int], Awaitable[None]] = at_once
    stateless: bool = True
    poison: int | None = None
    """The row that kills every process that takes it."""
    runs: Counter[int] = field(default_factory=Counter)
    going: set[int] = field(default_factory=set)
    most: int = 0
    _dying: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, instances: int = INSTANCES) -> list[RunningApp]:
        return [await self._instance() for _ in range(instances)]

    async def _instance(self) -> RunningApp:
        t, instance = Category("t"), asyncio.get_running_loop().create_future()

        @t.csv_action(
            "copy",
            description="d",
            mandatory=["n"],
            output_header=["x"],
            stateless=self.stateless,
            on_crash="continue",
        )
        async def copy(_context: Context, _data: Any, args: Row) -> Step:
            number = int(args["n"] or 0)
            if number == self.poison:
                self._die(await instance)
                await asyncio.Event().wait()
            self.runs[number] += 1
            with self._going(number):
                await self.row(number)
            return row([args["n"]])

        running = await self.engine.app(App("t", t))
        instance.set_result(running)
        return running

    def _die(self, instance: RunningApp) -> None:
        async def die_and_start_again() -> None:
            await instance.die()
            await self._instance()

        dying = asyncio.create_task(die_and_start_again())
        self._dying.add(dying)
        dying.add_done_callback(self._dying.discard)

    @contextmanager
    def _going(self, number: int) -> Iterator[None]:
        self.going.add(number)
        self.most = max(self.most, len(self.going))
        yield
        self.going.discard(number)

    @property
    def are_all_run_once(self) -> bool:
        return self.runs == Counter(range(1, ROWS + 1))


def copies(rows: int) -> bytes:
    return table(["n", "x"], [[str(number)] * 2 for number in range(1, rows + 1)])


async def started(engine: Engine, **settings: Any) -> str:
    scheduler = await engine.scheduler(**{"batch_rows": BATCH} | settings)
    task_id = await engine.submit("copy", numbers(ROWS))
    await scheduler.start(task_id)
    return task_id


async def came_out_in_order(engine: Engine, task_id: str) -> None:
    task = await engine.ended(task_id)
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.SUCCESS, ROWS, 0)
    assert await engine.output(task_id) == copies(ROWS)
    records = await records_of(engine, task_id)
    assert [record.seq for record in records] == list(range(len(records)))
    assert all(before.row <= after.row for before, after in pairwise(records))


async def test_batches_run_at_the_same_time_and_come_out_in_order(engine: Engine) -> None:
    meeting = asyncio.Event()

    async def meet(number: int) -> None:
        if number == BATCH * 5:
            await asyncio.wait_for(meeting.wait(), 5)
        elif number > BATCH * 6:
            meeting.set()  # so a later batch has begun while that row was being run

    app = Spread(engine, meet)
    await app.start()
    await came_out_in_order(engine, await started(engine))
    assert app.are_all_run_once
    assert app.most > 1


async def test_a_batch_that_is_answered_early_is_not_committed_before_those_before_it(
    engine: Engine,
) -> None:
    held, opened = BATCH * 5, asyncio.Event()

    async def hold(number: int) -> None:
        if number == held:
            await opened.wait()

    app = Spread(engine, hold)
    await app.start()
    task_id = await started(engine)
    await eventually(lambda: app.going == {held} and max(app.runs) > held + BATCH)
    head = await engine.store.log.head(task_id)
    assert head is not None
    assert head.row < held
    opened.set()
    await came_out_in_order(engine, task_id)
    assert app.are_all_run_once


async def test_no_more_are_out_than_the_window_allows(engine: Engine) -> None:
    held, opened = BATCH * 5, asyncio.Event()

    async def hold(number: int) -> None:
        if number >= held:
            await opened.wait()

    app = Spread(engine, hold)
    await app.start(4)
    task_id = await started(engine, batch_window=3)
    await eventually(lambda: len(app.going) == 3)
    opened.set()
    await came_out_in_order(engine, task_id)
    assert app.most == 3


@pytest.mark.parametrize("kept", ["Data", "a pause"])
async def test_one_batch_runs_at_a_time_where_there_is(engine: Engine, kept: str) -> None:
    await engine.store.set_run_time_settings({"wait_after_row_ms": 1 if kept == "a pause" else 0})
    app = Spread(engine, stateless=kept != "Data")
    await app.start()
    await came_out_in_order(engine, await started(engine))
    assert app.most == 1


async def test_rows_that_a_batch_did_not_come_to_are_run_before_those_behind_it(
    engine: Engine,
) -> None:
    """A batch answers with what it has after `batch_work_ms`, when others behind it have run."""

    async def slow(number: int) -> None:
        await asyncio.sleep(0.03 if number % BATCH == 3 and number > ROWS // 2 else 0)

    app = Spread(engine, slow)
    await app.start()
    await came_out_in_order(engine, await started(engine, batch_work_ms=20))
    assert app.are_all_run_once


async def test_a_stop_loses_no_row_that_was_run(engine: Engine) -> None:
    async def slow(number: int) -> None:
        await asyncio.sleep(0.002)

    app = Spread(engine, slow)
    await app.start()
    task_id = await started(engine, batch_work_ms=2000)
    await engine.committed(task_id, ROWS // 4)
    await engine.schedulers[0].scheduler.operations.stop(task_id)

    task = await engine.ended(task_id)
    assert task.status is TaskStatus.STOPPED
    assert task.succeeded is not None
    assert app.runs == Counter(range(1, task.succeeded + 1))
    assert task.succeeded < ROWS
    assert await engine.output(task_id) == copies(task.succeeded)


async def test_nothing_is_run_again_when_the_scheduler_leaves(engine: Engine) -> None:
    async def slow(number: int) -> None:
        await asyncio.sleep(0.002)

    app = Spread(engine, slow)
    await app.start()
    task_id = await started(engine, batch_work_ms=2000, drain_s=5.0)
    await engine.scheduler(batch_rows=BATCH)
    await engine.committed(task_id, ROWS // 4)
    await engine.schedulers[0].close()

    await came_out_in_order(engine, task_id)
    assert app.are_all_run_once


async def test_an_app_that_dies_costs_the_batches_that_it_had(engine: Engine) -> None:
    async def slow(number: int) -> None:
        await asyncio.sleep(0.001)

    app = Spread(engine, slow)
    instances = await app.start(3)
    task_id = await started(engine)
    for instance in instances[:2]:
        await engine.committed(task_id, ROWS // 4)
        await instance.die()

    await came_out_in_order(engine, task_id)
    assert set(app.runs) == set(range(1, ROWS + 1))
    assert app.runs.total() <= ROWS + 2 * 8 * BATCH


async def test_a_scheduler_that_dies_costs_the_batches_that_were_out(engine: Engine) -> None:
    async def slow(number: int) -> None:
        await asyncio.sleep(0.001)

    app = Spread(engine, slow)
    await app.start()
    task_id = await started(engine)
    await engine.scheduler(batch_rows=BATCH)
    await engine.committed(task_id, ROWS // 4)
    await engine.schedulers[0].freeze()

    await came_out_in_order(engine, task_id)
    assert app.runs.total() <= ROWS + 4 * BATCH


async def test_a_row_that_kills_its_processes_is_the_only_one_to_get_the_blame(
    engine: Engine,
) -> None:
    """Batches that were in the same process died with it, time and again."""
    poison = ROWS // 2
    app = Spread(engine, poison=poison)
    await app.start()
    task_id = await started(engine)
    task = await engine.ended(task_id)

    lines = [[str(number)] * 2 for number in range(1, ROWS + 1)]
    lines[poison - 1][1] = "applier crashed"
    assert await engine.output(task_id) == table(["n", "x"], lines)
    assert (task.status, task.failed, task.succeeded) == (TaskStatus.PARTIAL, 1, ROWS - 1)
    assert set(app.runs) == set(range(1, ROWS + 1)) - {poison}
