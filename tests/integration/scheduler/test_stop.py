"""Stopping a task: after the present row, whoever asks, whatever it waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.kazoo.operations import StopRefusal
from kztasks.scheduler import calls, departures, rounds
from tasks_bindings import App, Category, Context, Row, Step, row
from tests.integration.scheduler.kit import Engine, RunningApp, eventually, numbers, table

pytestmark = pytest.mark.store

HELD = "25"
"""The row whose handler waits, in the middle of a batch."""


class Gate:
    """Holds the handler of one row."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def app(self) -> App:
        t = Category("t")

        @t.csv_action("copy", description="d", mandatory=["n"], output_header=["x"])
        def copy(_context: Context, _data: object, args: Row) -> Step:
            if args["n"] == HELD:
                self.reached.set()
                self.opened.wait(10)
            return row([args["n"]])

        return App("t", t)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def copies(rows: int) -> bytes:
    return table(["n", "x"], [[str(n)] * 2 for n in range(1, rows + 1)])


async def held(engine: Engine, gate: Gate, **settings: Any) -> tuple[str, RunningApp]:
    """A started task that is at the row that waits."""
    app = await engine.app(gate.app())
    scheduler = await engine.scheduler(**settings)
    task_id = await engine.submit("copy", numbers(1000))
    await scheduler.start(task_id)
    await eventually(gate.reached.is_set)
    return task_id, app


async def ended_before_the_held_row(engine: Engine, task_id: str) -> None:
    """The task was stopped, and all batches before the held row's came out."""
    task = await engine.ended(task_id)
    assert task.status is TaskStatus.STOPPED
    assert task.succeeded is not None
    assert 10 <= task.succeeded < int(HELD)
    assert await engine.output(task_id) == copies(task.succeeded)


async def test_a_stop_takes_effect_after_the_present_row(engine: Engine, gate: Gate) -> None:
    task_id, app = await held(engine, gate)
    stopping = asyncio.ensure_future(engine.schedulers[0].scheduler.operations.stop(task_id))
    await app.told()
    gate.opened.set()

    stopped = await stopping
    assert isinstance(stopped, Task)
    assert stopped.status is TaskStatus.STOPPED
    assert (stopped.succeeded, stopped.failed, stopped.total_rows) == (int(HELD), 0, 1000)
    assert await engine.output(task_id) == copies(int(HELD))


async def test_a_row_that_does_not_end_is_left_behind_with_its_batch(
    engine: Engine, gate: Gate
) -> None:
    task_id, _ = await held(engine, gate)
    await engine.schedulers[0].scheduler.operations.stop(task_id)
    await ended_before_the_held_row(engine, task_id)


async def test_a_stop_ends_a_pause(
    engine: Engine, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departures, "PAUSE_LOOK_S", 3600.0)
    await engine.store.set_run_time_settings({"wait_after_row_ms": 3_600_000})
    await engine.app(gate.app())
    scheduler = await engine.scheduler()
    task_id = await engine.submit("copy", numbers(20))
    await scheduler.start(task_id)
    await engine.committed(task_id, 1)

    stopped = await scheduler.scheduler.operations.stop(task_id)
    assert isinstance(stopped, Task)
    assert stopped.status is TaskStatus.STOPPED
    assert await engine.output(task_id) == copies(1)


async def test_who_takes_a_task_over_that_is_to_stop_runs_none_of_its_rows(
    engine: Engine, gate: Gate
) -> None:
    await engine.app(gate.app())
    task_id = await engine.submit("copy", numbers(20))
    assert await engine.store.tasks.claim(task_id, node="dead", worker="dead", now=1)
    assert await engine.store.tasks.request_stop(task_id)
    await engine.scheduler()

    task = await engine.ended(task_id)
    assert (task.status, task.succeeded) == (TaskStatus.STOPPED, 0)
    assert await engine.output(task_id) == table(["n", "x"], [])


async def test_any_scheduler_may_be_asked_and_tells_the_owner_at_once(
    engine: Engine, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "INTERVAL_S", 3600.0)
    task_id, app = await held(engine, gate)
    other = await engine.scheduler()
    stopping = asyncio.ensure_future(other.scheduler.operations.stop(task_id))
    await app.told()
    gate.opened.set()

    stopped = await stopping
    assert isinstance(stopped, Task)
    assert stopped.status is TaskStatus.STOPPED
    assert await engine.output(task_id) == copies(int(HELD))


async def test_a_request_in_the_document_is_enough(engine: Engine, gate: Gate) -> None:
    task_id, app = await held(engine, gate)
    await engine.store.tasks.request_stop(task_id)
    await app.told()
    gate.opened.set()

    assert (await engine.ended(task_id)).status is TaskStatus.STOPPED
    assert await engine.output(task_id) == copies(int(HELD))


async def test_a_task_that_waits_for_its_first_app_stops_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it wait for hooks of an app that never ran a row of it."""
    monkeypatch.setattr(calls, "HOOK_PATIENCE_S", 3600.0)
    scheduler = await engine.scheduler()
    task_id = await engine.submit("copy", numbers(20))
    await scheduler.start(task_id)
    await engine.until(task_id, lambda task: task.waiting_for)

    stopped = await scheduler.scheduler.operations.stop(task_id)
    assert isinstance(stopped, Task)
    assert (stopped.status, stopped.succeeded, stopped.failed) == (TaskStatus.STOPPED, 0, 0)
    assert stopped.waiting_for is None
    assert await engine.output(task_id) == table(["n", "error"], [])


async def test_a_task_stops_whose_app_has_left(engine: Engine, gate: Gate) -> None:
    task_id, app = await held(engine, gate, silence_s=0.5)
    await app.die()
    await engine.until(task_id, lambda task: task.waiting_for)
    await engine.schedulers[0].scheduler.operations.stop(task_id)

    await ended_before_the_held_row(engine, task_id)


async def test_stopping_what_does_not_run_is_refused(engine: Engine, gate: Gate) -> None:
    await engine.app(gate.app())
    scheduler = await engine.scheduler()
    operations: Any = scheduler.scheduler.operations
    pending = await engine.submit("copy", numbers(1))

    assert await operations.stop(pending) is StopRefusal.NOT_RUNNING
    assert await operations.stop("0" * 30) is StopRefusal.NOT_FOUND
    assert (await engine.task(pending)).status is TaskStatus.PENDING
