"""A task whose app is not there waits, says what for, and goes on when one comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.scheduler import rounds
from tasks_bindings import App, Category, Context, Row, Step, row
from tests.integration.scheduler.fake_app import FakeApp, Request
from tests.integration.scheduler.kit import Engine, numbers, table

pytestmark = pytest.mark.store


def app() -> App:
    """An app that adds up, so that a row run twice would show."""
    t = Category("t")

    @t.csv_action("add", description="d", mandatory=["n"], output_header=["sum"])
    async def add(_context: Context, data: object, args: Row) -> Step:
        total = int(args["n"] or 0) + (data if isinstance(data, int) else 0)
        return row([total], total)

    return App("t", t)


def sums(rows: int) -> bytes:
    return table(["n", "sum"], [[str(n), str(n * (n + 1) // 2)] for n in range(1, rows + 1)])


async def test_a_task_waits_for_its_app_and_goes_on_when_it_starts(engine: Engine) -> None:
    scheduler = await engine.scheduler()
    task_id = await engine.submit("add", numbers(100))
    await scheduler.start(task_id)

    waiting = await engine.until(task_id, lambda task: task.waiting_for)
    assert waiting.status is TaskStatus.EXECUTING
    assert waiting.waiting_for == "an app that serves tasks.t.add"

    await engine.app(app())
    task = await engine.ended(task_id)
    assert (task.status, task.waiting_for) == (TaskStatus.SUCCESS, None)
    assert await engine.output(task_id) == sums(100)


async def test_a_task_waits_for_its_app_in_the_middle_as_well(engine: Engine) -> None:
    first = await engine.app(app())
    scheduler = await engine.scheduler(silence_s=3600)
    await engine.store.set_run_time_settings({"wait_after_row_ms": 5})
    await scheduler.scheduler.run_time.refresh()
    task_id = await engine.submit("add", numbers(200))
    await scheduler.start(task_id)
    await engine.committed(task_id, 1)
    await first.close()

    waiting = await engine.until(task_id, lambda task: task.waiting_for)
    assert waiting.status is TaskStatus.EXECUTING
    assert waiting.waiting_for == "an app that serves tasks.t.add"

    await engine.store.set_run_time_settings({"wait_after_row_ms": 0})
    await engine.app(app())
    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert await engine.output(task_id) == sums(200)


async def test_a_batch_in_the_queue_of_an_app_that_left_waits_for_its_next_instance(
    engine: Engine,
) -> None:
    """Whatever time an answer may take."""

    async def first_batch_alone(request: Request) -> None:
        await first.take_no_work()
        await request.reply(request.answer())

    async def every_batch(request: Request) -> None:
        await request.reply(request.answer())

    first = FakeApp(await engine.bus("first"), first_batch_alone)
    await first.start()
    scheduler = await engine.scheduler(silence_s=3600)
    task_id = await engine.submit("add", numbers(100))
    await scheduler.start(task_id)
    await engine.committed(task_id, 1)
    await first.stop()
    waiting = await engine.until(task_id, lambda task: task.waiting_for)
    assert waiting.waiting_for == "an app that serves tasks.t.add"

    second = FakeApp(await engine.bus("second"), every_batch)
    await second.start()
    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert await engine.output(task_id) == sums(100)
    await second.stop()


async def test_counts_are_saved_each_time_so_many_rows_were_counted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tasks.send_progress_after_processed`; they would be saved every so often anyway."""
    monkeypatch.setattr(rounds, "INTERVAL_S", 3600.0)
    await engine.store.set_run_time_settings({"send_progress_after_processed": 50})
    await engine.app(app())
    scheduler = await engine.scheduler(batch_rows=10)
    task_id = await engine.submit("add", numbers(3000))
    await scheduler.start(task_id)

    running = await engine.until(task_id, lambda task: task.succeeded)
    assert running.status is TaskStatus.EXECUTING
    assert running.succeeded is not None
    assert 50 <= running.succeeded < 3000
    await engine.ended(task_id)


async def test_progress_is_seen_while_a_task_runs(engine: Engine) -> None:
    await engine.app(app())
    scheduler = await engine.scheduler()
    await engine.store.set_run_time_settings({"wait_after_row_ms": 5})
    await scheduler.scheduler.run_time.refresh()
    task_id = await engine.submit("add", numbers(200))
    await scheduler.start(task_id)

    running = await engine.until(task_id, lambda task: task.succeeded)
    assert running.status is TaskStatus.EXECUTING
    assert running.succeeded is not None
    assert 0 < running.succeeded < 200
    assert (running.failed, running.total_rows) == (0, 200)
    await scheduler.scheduler.operations.stop(task_id)
    await engine.ended(task_id)


async def test_a_task_whose_batch_is_out_during_an_alarm_says_that_it_waits_for_the_broker(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer can come, and what is being sent is not taken: both look like an app that works."""
    out = asyncio.Event()

    async def script(_request: Request) -> None:
        out.set()

    fake = FakeApp(await engine.bus("fake"), script)
    await fake.start()
    scheduler = await engine.scheduler(silence_s=30.0)
    task_id = await engine.submit("add", numbers(100))
    await scheduler.start(task_id)
    await out.wait()
    assert (await engine.task(task_id)).waiting_for is None

    alarmed = replace(scheduler.bus.health, blocked=True)
    monkeypatch.setattr(type(scheduler.bus), "health", property(lambda _: alarmed))
    waiting = await engine.until(task_id, lambda task: task.waiting_for)
    assert waiting.waiting_for == "the message broker, which takes no messages now"
    await fake.stop()
