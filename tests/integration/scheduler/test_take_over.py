"""A scheduler dies or leaves; its tasks go on elsewhere, and nothing comes out twice."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from kztasks.domain.batch import settle
from kztasks.domain.header import csv_header
from kztasks.domain.log import ROOT_SHA, LogRecord, RecordKind, seal
from kztasks.domain.outcome import Rules
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Owner
from kztasks.scheduler.records import Ran, batch_record
from kztasks.scheduler.source import Position
from kztasks.store.interface import LogStore, Node
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.exact import ROWS, came_out_exact, started
from tests.integration.scheduler.faulty import FailingUploads, StoreWith
from tests.integration.scheduler.kit import (
    NODE_TTL_S,
    Engine,
    eventually,
    numbers,
)

pytestmark = pytest.mark.store


async def test_the_tasks_of_a_scheduler_that_died_go_on_elsewhere(engine: Engine) -> None:
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    first, _ = await engine.scheduler(), await engine.scheduler()
    task_id = await started(engine, first)
    await eventually(lambda: adding.has_run(100))
    await first.freeze()
    died = time.monotonic()
    await engine.until(task_id, lambda task: task.worker_node == "kztasks@s2")
    assert time.monotonic() - died > NODE_TTL_S * 0.8
    adding.held[100].set()

    task = await came_out_exact(engine, task_id)
    assert task.owner is not None
    assert (task.owner.epoch, task.rescues) == (2, 1)


async def test_what_runs_when_a_scheduler_dies_is_joined_however_its_heir_cuts_it(
    engine: Engine,
) -> None:
    adding = Adding(row_s=0.001, held={100: asyncio.Event()})
    await engine.app(adding.app())
    first, _ = await engine.scheduler(), await engine.scheduler()
    task_id = await started(engine, first)
    await eventually(lambda: adding.has_run(100))
    await first.freeze()
    await engine.until(task_id, lambda task: task.worker_node == "kztasks@s2")
    await asyncio.sleep(0.2)  # long enough for the heir's batch to begin, if it were another one
    adding.held[100].set()

    await came_out_exact(engine, task_id)
    assert adding.repeated == 0


async def test_no_living_scheduler_loses_its_tasks(engine: Engine) -> None:
    adding = Adding(row_s=0.005)
    await engine.app(adding.app())
    first, _ = await engine.scheduler(), await engine.scheduler()
    task_id = await started(engine, first)

    task = await came_out_exact(engine, task_id)
    assert task.owner is not None
    assert (task.owner.epoch, task.rescues) == (1, 0)
    assert adding.repeated == 0


async def test_the_tasks_of_a_scheduler_that_leaves_go_on_elsewhere_at_once(
    engine: Engine,
) -> None:
    adding = Adding(row_s=0.002)
    await engine.app(adding.app())
    first, _ = await engine.scheduler(), await engine.scheduler(node_ttl_s=3600, fence_s=100)
    task_id = await started(engine, first)
    await engine.committed(task_id, 1)
    await first.close()

    task = await came_out_exact(engine, task_id)
    assert task.owner is not None
    assert (task.owner.epoch, task.rescues, task.worker_node) == (2, 0, "kztasks@s2")


async def test_rows_that_are_being_run_when_a_scheduler_leaves_are_not_run_again(
    engine: Engine,
) -> None:
    """Leaving is no fault: the present row ends, and what was run is committed."""
    adding = Adding(held={100: asyncio.Event()})
    app = await engine.app(adding.app())
    first, _ = await engine.scheduler(drain_s=10.0), await engine.scheduler()
    task_id = await started(engine, first)
    await eventually(lambda: adding.has_run(100))
    leaving = asyncio.ensure_future(first.close())
    await app.told()
    adding.held[100].set()
    await leaving

    await came_out_exact(engine, task_id)
    assert adding.repeated == 0


async def test_a_scheduler_that_leaves_does_not_wait_for_a_row_that_does_not_end(
    engine: Engine,
) -> None:
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    first, _ = await engine.scheduler(drain_s=0.1), await engine.scheduler()
    task_id = await started(engine, first)
    await eventually(lambda: adding.has_run(100))
    await first.close()
    adding.held[100].set()

    await came_out_exact(engine, task_id)


async def test_a_scheduler_that_leaves_does_not_wait_for_an_app_that_is_not_there(
    engine: Engine,
) -> None:
    first = await engine.scheduler(drain_s=3600)
    task_id = await started(engine, first)
    await engine.until(task_id, lambda task: task.waiting_for)
    await first.close()

    task = await engine.task(task_id)
    assert task.owner is not None
    assert task.owner.node is None
    assert task.status is TaskStatus.EXECUTING


async def test_a_task_that_was_ended_but_not_delivered_is_delivered_by_the_next_owner(
    engine: Engine,
) -> None:
    """The first owner dies after the last row, before the final status."""
    await engine.app(Adding().app())
    files = FailingUploads(engine.store.files)
    first = await engine.scheduler(store=StoreWith(engine.store, files=files))
    await engine.store.set_run_time_settings({"pause_between_upload_output_attempts_s": 3600})
    await first.scheduler.run_time.refresh()
    task_id = await started(engine, first)
    await engine.closed(task_id)
    assert (await engine.task(task_id)).status is TaskStatus.EXECUTING
    await first.freeze()
    await engine.scheduler()

    await came_out_exact(engine, task_id)


async def test_a_task_whose_rows_are_all_run_ends_without_an_app(engine: Engine) -> None:
    """Its owner died between the batch that ended it and the end; its app has left since."""
    task_id = await engine.submit("add", numbers(ROWS))
    assert await engine.store.tasks.claim(task_id, node="dead", worker="dead", now=1)
    header = csv_header(("n",), ("sum", "error"))
    begin = LogRecord(
        task_id=task_id,
        seq=0,
        epoch=1,
        kind=RecordKind.BEGIN,
        offset=4,
        line=2,
        row=0,
        data=None,
        failed=0,
        succeeded=0,
        header=header,
    )
    begin = await engine.store.log.append(seal(begin, ROOT_SHA))
    last = {"row": {"sum": 1}, "next": "stop"}
    outcome = settle([last], Rules(header, ("n",)), [["1"]])
    batch = batch_record(begin, 1, outcome, Position(8, 3, 1), Ran(data="1"))
    await engine.store.log.append(batch)
    await engine.scheduler()

    task = await engine.ended(task_id)
    assert (task.status, task.succeeded) == (TaskStatus.PARTIAL, 1)
    assert await engine.output(task_id) == sums(1)


async def test_a_scheduler_that_was_declared_dead_lets_go_and_goes_on_as_another(
    engine: Engine,
) -> None:
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    first = await engine.scheduler()
    task_id = await started(engine, first)
    await eventually(lambda: adding.has_run(100))
    before = first.scheduler.life.node_id
    await engine.store.nodes.remove(before)
    await engine.until(task_id, lambda task: task.owner and task.owner.epoch == 2)
    adding.held[100].set()

    task = await came_out_exact(engine, task_id)
    assert task.owner is not None
    assert task.owner.node == first.scheduler.life.node_id != before


class Defective:
    """A log with a defect that shows once."""

    def __init__(self, log: LogStore) -> None:
        self._log = log
        self.shown = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, record: LogRecord) -> LogRecord:
        self.shown += 1
        if self.shown == 1:
            raise ZeroDivisionError
        return await self._log.append(record)


async def test_a_defect_leaves_no_task_without_anybody_who_runs_it(engine: Engine) -> None:
    await engine.app(Adding().app())
    log = Defective(engine.store.log)
    scheduler = await engine.scheduler(store=StoreWith(engine.store, log=log))
    task_id = await started(engine, scheduler)

    task = await came_out_exact(engine, task_id)
    assert log.shown > 1
    assert task.owner is not None
    assert task.owner.epoch == 2


class Registering:
    """Heartbeats; right after each look at them another node registers and claims a task."""

    def __init__(self, engine: Engine, task_id: str) -> None:
        self._engine = engine
        self._task_id = task_id
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine.store.nodes, name)

    async def all(self) -> list[Node]:
        found = await self._engine.store.nodes.all()
        self.looks += 1
        if self.looks == 2:
            await self.register("late", "kztasks@late")
            tasks = self._engine.store.tasks
            assert await tasks.claim(self._task_id, node="late", worker="late", now=1)
        return found


async def test_a_scheduler_that_starts_while_another_one_looks_keeps_its_task(
    engine: Engine,
) -> None:
    task_id = await engine.submit("add", numbers(ROWS))
    nodes = Registering(engine, task_id)
    await engine.scheduler(store=StoreWith(engine.store, nodes=nodes), node_ttl_s=3600)
    await eventually(lambda: nodes.looks >= 6)

    assert (await engine.task(task_id)).owner == Owner("late", 1)
