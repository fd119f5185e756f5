"""Schedulers die, leave and disagree; each record of a task is written once all the same."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from structlog.testing import capture_logs

from kztasks.csvio import encode_rows
from kztasks.domain.log import LogRecord, RecordKind, seal
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.scheduler import watch
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.fake_app import FakeApp, Request
from tests.integration.scheduler.faulty import FailingUploads, StoreWith
from tests.integration.scheduler.kit import (
    NODE_TTL_S,
    Engine,
    RunningScheduler,
    eventually,
    numbers,
)

pytestmark = pytest.mark.store

ROWS = 500


async def started(engine: Engine, scheduler: RunningScheduler) -> str:
    task_id = await engine.submit("add", numbers(ROWS))
    await scheduler.start(task_id)
    return task_id


async def records_of(engine: Engine, task_id: str) -> list[LogRecord]:
    return [record async for record in engine.store.log.records(task_id)]


async def came_out_exact(engine: Engine, task_id: str) -> Task:
    """The output, the counts, and one record for each seq, the last one being the only end."""
    task = await engine.ended(task_id)
    assert await engine.output(task_id) == sums(ROWS)
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.SUCCESS, ROWS, 0)
    records = await records_of(engine, task_id)
    assert [record.seq for record in records] == list(range(len(records)))
    assert [record.is_end for record in records] == [False] * (len(records) - 1) + [True]
    return task


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


async def test_a_task_that_was_ended_but_not_delivered_is_delivered_by_the_next_owner(
    engine: Engine,
) -> None:
    """The first owner dies after the last row, before the final status."""
    await engine.app(Adding().app())
    files = FailingUploads(engine.store.files)
    first = await engine.scheduler(store=StoreWith(engine.store, files=files))
    await engine.store.set_run_time_settings({"pause_between_upload_output_attempts_s": 3600})
    await first.scheduler._run_time.refresh()
    task_id = await started(engine, first)
    await engine.closed(task_id)
    assert (await engine.task(task_id)).status is TaskStatus.EXECUTING
    await first.freeze()
    await engine.scheduler()

    await came_out_exact(engine, task_id)


async def test_an_owner_that_lost_its_task_is_told_by_the_app_and_lets_go(engine: Engine) -> None:
    adding = Adding(row_s=0.001)
    await engine.app(adding.app())
    first, second = await engine.scheduler(), await engine.scheduler()
    task_id = await started(engine, first)
    for _ in range(6):
        await engine.committed(task_id, 1)
        await steal(engine, task_id, second)
        first, second = second, first

    await came_out_exact(engine, task_id)
    await eventually(lambda: first.scheduler.running == second.scheduler.running == 0)


@pytest.mark.parametrize("seed", range(5))
async def test_two_owners_that_do_not_know_of_each_other_write_each_record_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Both go on to the very end; their apps cut the rows at other places."""
    monkeypatch.setattr(watch, "INTERVAL_S", 3600.0)
    monkeypatch.setattr(watch, "LEAST_INTERVAL_S", 3600.0)
    chance = random.Random(seed)

    async def script(request: Request) -> None:
        await asyncio.sleep(chance.random() * 0.01)  # so that either may be first
        whole = request.answer()["returns"]
        part = whole[: chance.randint(1, len(whole))]
        await request.reply(request.answer(returns=part, data=str(part[-1]["row"]["sum"])))

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    first, second = await engine.scheduler(), await engine.scheduler()
    with capture_logs() as logged:
        task_id = await started(engine, first)
        await engine.committed(task_id, 1)
        await steal(engine, task_id, second)
        await came_out_exact(engine, task_id)
        await eventually(lambda: first.scheduler.running == second.scheduler.running == 0)
    await app.stop()

    events = [one["event"] for one in logged]
    assert events.count("record_adopted") > 0
    assert events.count("task_let_go") == 1
    assert events.count("task_finished") == 1


async def steal(engine: Engine, task_id: str, thief: RunningScheduler) -> None:
    """Let a scheduler take a task from one that lives."""
    task = await engine.task(task_id)
    if task.owner is None or task.status.is_final or task_id in thief.scheduler._owned:
        return
    node = thief.scheduler._life.node_id
    taken = await engine.store.tasks.take_over(
        task_id, lost=task.owner.node, epoch=task.owner.epoch, node=node, worker="thief"
    )
    if taken is not None:
        thief.scheduler._owned.run(taken)


def record_of_three_rows(head: LogRecord) -> LogRecord:
    """What another owner would have committed after `head`, had its app answered three rows."""
    total, rows = int(head.data or 0), []
    for number in range(head.row + 1, head.row + 4):
        total += number
        rows.append([str(number), str(total)])
    record = LogRecord(
        task_id=head.task_id,
        seq=head.seq + 1,
        epoch=7,
        kind=RecordKind.BATCH,
        offset=head.offset + sum(len(number) + len('""\n') for number, _ in rows),
        line=head.line + 3,
        row=head.row + 3,
        data=str(total),
        failed=0,
        succeeded=head.succeeded + 3,
        columns=(0, 1),
        written=(0, 1),
        output=encode_rows([list(cells) for cells in rows]),
    )
    return seal(record, head.sha)


async def test_a_rivals_record_is_adopted_and_what_was_built_on_our_own_thrown_away(
    engine: Engine,
) -> None:
    """The rival answered the same batch in part only."""
    adding = Adding(held={35: asyncio.Event()})
    await engine.app(adding.app())
    scheduler = await engine.scheduler()
    task_id = await started(engine, scheduler)
    await eventually(lambda: adding.has_run(35))
    await engine.committed(task_id, 20)
    head = await engine.store.log.head(task_id)
    assert head is not None
    rival = record_of_three_rows(head)
    assert await engine.store.log.append(rival) is rival
    with capture_logs() as logged:
        adding.held[35].set()
        await came_out_exact(engine, task_id)

    assert [one["seq"] for one in logged if one["event"] == "record_adopted"] == [rival.seq]
    assert (await records_of(engine, task_id))[rival.seq] == rival


async def test_a_scheduler_that_was_declared_dead_lets_go_and_goes_on_as_another(
    engine: Engine,
) -> None:
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    first = await engine.scheduler()
    task_id = await started(engine, first)
    await eventually(lambda: adding.has_run(100))
    before = first.scheduler._life.node_id
    await engine.store.nodes.remove(before)
    await engine.until(task_id, lambda task: task.owner and task.owner.epoch == 2)
    adding.held[100].set()

    task = await came_out_exact(engine, task_id)
    assert task.owner is not None
    assert task.owner.node == first.scheduler._life.node_id != before
