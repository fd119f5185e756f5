"""A task of `Adding` that is to come out exact, whatever happens to its owners."""

from __future__ import annotations

from typing import Final

from kztasks.domain.log import LogRecord
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from tests.integration.scheduler.adding import sums
from tests.integration.scheduler.kit import Engine, RunningScheduler, numbers

ROWS: Final = 500


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
