"""An account with many tasks does not hold up the one of another account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from tasks_bindings import App, Category, Context, Row, Step, row
from tasks_bindings.wire.messages import DEFAULT_CONCURRENCY
from tests.integration.scheduler.fake_app import FakeApp, Request
from tests.integration.scheduler.kit import Engine, RunningScheduler, eventually, numbers, table

pytestmark = pytest.mark.store

BIG, SMALL = "b" * 32, "5" * 32
ROW_S = 0.05
"""Longer than what a scheduler does between two batches, on a busy machine too."""


@dataclass
class Trace:
    """An app of one request at a time, and whose rows it has run, one a batch."""

    accounts: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """The rows of the action `hold` wait for it."""

    def app(self, concurrency: int = 1) -> App:
        t = Category("t")

        @t.csv_action("copy", description="d", mandatory=["n"], output_header=["x"])
        async def copy(context: Context, _data: Any, args: Row) -> Step:
            self.accounts.append(context.account_id)
            await asyncio.sleep(ROW_S)
            return row({"x": args["n"]})

        @t.csv_action("hold", description="d", mandatory=["n"], output_header=["x"])
        async def hold(context: Context, _data: Any, args: Row) -> Step:
            self.accounts.append(context.account_id)
            await self.gate.wait()
            return row({"x": args["n"]})

        return App("t", t, concurrency=concurrency)


async def start(
    engine: Engine, scheduler: RunningScheduler, account: str, action: str = "copy", rows: int = 20
) -> str:
    task_id = await engine.submit(action, numbers(rows), account_id=account)
    await scheduler.start(task_id)
    return task_id


async def busy(engine: Engine, tasks: int) -> tuple[Trace, RunningScheduler]:
    """So many tasks of one account have been started."""
    trace = Trace()
    await engine.app(trace.app())
    scheduler = await engine.scheduler(batch_rows=1)
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(start(engine, scheduler, BIG))
    await eventually(lambda: len(trace.accounts) > 0)
    return trace, scheduler


async def test_a_single_task_waits_for_two_batches_of_a_large_account_at_most(
    engine: Engine,
) -> None:
    """The header, which is asked for in the same queue, is part of it."""
    trace, scheduler = await busy(engine, 500)
    await start(engine, scheduler, SMALL)
    before = len(trace.accounts)
    await eventually(lambda: SMALL in trace.accounts)

    assert trace.accounts.index(SMALL) - before <= 2


async def test_two_accounts_have_equal_shares_however_many_tasks_they_have(
    engine: Engine,
) -> None:
    trace, scheduler = await busy(engine, 12)
    await eventually(lambda: scheduler.scheduler.gate.counts()["t"].granted > 3 * 12)
    for _ in range(3):
        await start(engine, scheduler, SMALL)
    await eventually(lambda: trace.accounts.count(SMALL) > 2 * 3)
    begin = len(trace.accounts)
    await eventually(lambda: len(trace.accounts) >= begin + 30)

    assert 10 <= trace.accounts[begin : begin + 30].count(SMALL) <= 20


async def test_a_stop_does_not_wait_for_a_turn_of_the_task(engine: Engine) -> None:
    _, scheduler = await busy(engine, 60)
    task_id = await start(engine, scheduler, BIG)
    stopped = await scheduler.scheduler.operations.stop(task_id)

    assert isinstance(stopped, Task)
    assert stopped.status is TaskStatus.STOPPED
    assert await engine.output(task_id) == table(["n", "x"], [])


async def test_tasks_that_wait_for_their_turn_are_given_back_at_once(engine: Engine) -> None:
    """Nothing of theirs is out, so there is nothing to wait for."""
    _, scheduler = await busy(engine, 60)
    for one in scheduler.scheduler._rounds:  # they would be taken again
        one.cancel()
    async with asyncio.timeout(5):
        await scheduler.scheduler._owned.give_back_all(drain_s=3600)
    released = await engine.store.tasks.owned_by(None, limit=1000)
    assert len(released) == 60


async def test_no_more_is_sent_to_an_app_than_it_soon_runs(engine: Engine) -> None:
    """The rest waits where it can be stopped, and be shared out anew."""
    trace = Trace()
    await engine.app(trace.app(concurrency=3))
    scheduler = await engine.scheduler(batch_rows=1)
    for _ in range(20):
        await start(engine, scheduler, BIG, "hold", rows=1)
    gate = scheduler.scheduler.gate
    await eventually(lambda: gate.counts()["t"].waiting == 14)

    assert gate.counts()["t"].out == 6
    await eventually(lambda: len(trace.accounts) == 3)
    trace.gate.set()
    await eventually(lambda: scheduler.scheduler.running == 0)
    assert gate.counts()["t"].out == 0


async def test_batches_that_are_lost_give_their_turns_to_others(engine: Engine) -> None:
    """As many as there are turns get no answer, again and again."""

    async def script(request: Request) -> None:
        if request.batch.account_id == SMALL:
            await request.reply(request.answer())

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    scheduler = await engine.scheduler(silence_s=0.2)
    for _ in range(2 * DEFAULT_CONCURRENCY):
        await start(engine, scheduler, BIG, "add", rows=1)
    await eventually(lambda: scheduler.scheduler.gate.counts()["fake"].out == 16)
    task_id = await start(engine, scheduler, SMALL, "add", rows=1)

    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    await app.stop()


async def test_rows_that_were_forgotten_while_a_task_waited_are_read_again(engine: Engine) -> None:
    trace = Trace()
    await engine.app(trace.app())
    scheduler = await engine.scheduler(batch_rows=3, batch_memory_bytes=1024**2)
    scheduler.scheduler._memory._half = 0  # nothing fits
    tasks = [await start(engine, scheduler, BIG, rows=10) for _ in range(4)]

    for task_id in tasks:
        assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
        expected = table(["n", "x"], [[str(n)] * 2 for n in range(1, 11)])
        assert await engine.output(task_id) == expected
