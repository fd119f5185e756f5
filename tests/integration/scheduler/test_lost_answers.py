"""The database did what it was asked to and nobody was told, or did not: no task stands still."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.errors import StoreUnavailable
from kztasks.scheduler.runner import TaskRunner
from kztasks.store.mongo import MongoStore
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.kit import Engine, eventually, numbers

ROWS = 20


class Losing:
    """A driver's collection that loses one answer, or does not do what was asked for."""

    def __init__(self, collection: Any, *, changes: str, is_done: bool) -> None:
        self._collection = collection
        self._changes = changes
        self._is_done = is_done
        self.is_armed = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    async def find_one_and_update(self, guard: Any, change: Any, **more: Any) -> Any:
        is_it = self._changes in str(change)
        if not self.is_armed or not is_it:
            return await self._collection.find_one_and_update(guard, change, **more)
        self.is_armed = False
        if self._is_done:
            await self._collection.find_one_and_update(guard, change, **more)
        raise StoreUnavailable("the answer was lost")


def losing(store: MongoStore, *, changes: str, is_done: bool) -> Losing:
    """Let a change of a task be lost: one whose text has `changes` in it."""
    collection: Any = store.tasks._tasks
    store.tasks._changes._tasks = lost = Losing(collection, changes=changes, is_done=is_done)  # type: ignore[assignment]  # as far as it is used
    return lost


async def test_a_claim_whose_answer_was_lost_is_run_though_nobody_asks_again(
    engine: Engine, store: MongoStore
) -> None:
    await engine.app(Adding().app())
    scheduler = await engine.scheduler()
    task_id = await engine.submit("add", numbers(ROWS))
    losing(store, changes="pvt_started_at", is_done=True)

    with pytest.raises(StoreUnavailable):
        await scheduler.start(task_id)

    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert await engine.output(task_id) == sums(ROWS)


async def test_a_take_over_whose_answer_was_lost_is_run(engine: Engine, store: MongoStore) -> None:
    held = Adding(row_s=0.02)
    await engine.app(held.app())
    first = await engine.scheduler()
    task_id = await engine.submit("add", numbers(ROWS))
    await first.start(task_id)
    await eventually(lambda: held.has_run(3))
    take_over = losing(store, changes="rescues", is_done=True)

    await engine.scheduler()
    await first.freeze()

    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert not take_over.is_armed
    assert await engine.output(task_id) == sums(ROWS)


async def test_a_task_that_could_not_be_given_back_is_given_back_later(
    engine: Engine, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.app(Adding().app())
    scheduler = await engine.scheduler()
    task_id = await engine.submit("add", numbers(ROWS))
    release = losing(store, changes="'owner.node': None", is_done=False)
    runs = TaskRunner.run
    defects = iter([RuntimeError("a defect")])

    async def run(runner: TaskRunner) -> None:
        for defect in defects:
            raise defect
        await runs(runner)

    monkeypatch.setattr(TaskRunner, "run", run)

    await scheduler.start(task_id)

    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert not release.is_armed
