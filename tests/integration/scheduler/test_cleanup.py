"""The cleanup hook is called at least once, whoever dies between the final status and the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.errors import StoreUnavailable
from kztasks.store.aftermath import AftermathStore
from kztasks.store.interface import TaskStore
from kztasks.store.mongo import MongoStore
from tasks_bindings import App, Category, Context, Row, Step, row
from tests.integration.scheduler.adding import Adding
from tests.integration.scheduler.faulty import StoreWith
from tests.integration.scheduler.kit import Engine, eventually, numbers, seen

pytestmark = pytest.mark.store


@dataclass
class Cleaned:
    """An app that notes the calls of its cleanup hook."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    crashes: bool = False
    held: asyncio.Event | None = None

    def app(self) -> App:
        t = Category("t")

        @t.csv_action("count", description="d", mandatory=["n"], output_header=["x"])
        async def count(_context: Context, data: Any, args: Row) -> Step:
            return row([args["n"]], data + 1 if isinstance(data, int) else 1)

        @count.on_cleanup
        async def cleanup(action: str, data: Any) -> None:
            self.calls.append((action, data))
            if self.held is not None:
                await self.held.wait()
            if self.crashes:
                raise RuntimeError("cleanup is broken")

        return App("t", t)


class DyingAfterFinish:
    """Task documents of a scheduler that gets no further once the final status is set."""

    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks
        self.reached = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tasks, name)

    async def finish(self, task_id: str, **values: Any) -> bool:
        assert await self._tasks.finish(task_id, **values)
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError


async def left_uncalled(engine: Engine) -> str:
    """The id of a task that ended, and whose scheduler died before it called the cleanup."""
    tasks = DyingAfterFinish(engine.store.tasks)
    dying = await engine.scheduler(store=StoreWith(engine.store, tasks=tasks))
    task_id = await engine.submit("count", numbers(3))
    await dying.start(task_id)
    await tasks.reached.wait()
    await dying.freeze()
    return task_id


async def nothing_is_due(engine: Engine) -> None:
    async def look() -> bool:
        return not await engine.store.aftermath.cleanup_nodes()

    await seen(look)


async def test_a_cleanup_of_a_scheduler_that_died_is_called_by_another_one(engine: Engine) -> None:
    cleaned = Cleaned()
    await engine.app(cleaned.app())
    task_id = await left_uncalled(engine)
    assert (await engine.task(task_id)).status is TaskStatus.SUCCESS
    assert cleaned.calls == []
    schedulers = [await engine.scheduler() for _ in range(3)]
    await eventually(lambda: len(cleaned.calls) == 1)
    await nothing_is_due(engine)
    await asyncio.sleep(0.3)  # some rounds of each of them

    assert cleaned.calls == [("count", 3)]
    called = [
        one.scheduler.metrics.registry.get_sample_value("kztasks_cleanups_rescued_total")
        for one in schedulers
    ]
    assert sum(value or 0 for value in called) == 1


async def test_a_cleanup_is_called_once_where_nobody_dies(engine: Engine) -> None:
    cleaned = Cleaned(held=asyncio.Event())
    await engine.app(cleaned.app())
    schedulers = [await engine.scheduler() for _ in range(2)]
    task_id = await engine.submit("count", numbers(3))
    await schedulers[0].start(task_id)
    await eventually(lambda: len(cleaned.calls) == 1)
    assert await engine.store.aftermath.cleanup_nodes() == {schedulers[0].scheduler.life.node_id}
    await asyncio.sleep(0.3)  # some rounds of both, while it is being called
    assert cleaned.held is not None
    cleaned.held.set()
    await nothing_is_due(engine)

    assert cleaned.calls == [("count", 3)]


class LateAnswers:
    """What a scheduler reads of cleanups that are due; it learns that when they are not any more.

    Args:
        aftermath: the real one.
        is_gone: whether the task has left the scheduler.
    """

    def __init__(self, aftermath: AftermathStore, is_gone: Callable[[], bool]) -> None:
        self._aftermath = aftermath
        self._is_gone = is_gone
        self.read = asyncio.Event()
        self.told = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aftermath, name)

    async def cleanups_of(self, node: str | None, *, limit: int) -> list[Task]:
        due = await self._aftermath.cleanups_of(node, limit=limit)
        if due and not self.read.is_set():
            self.read.set()
            await eventually(self._is_gone)
            self.told.set()
        return due


async def test_a_cleanup_is_not_called_again_because_it_was_due_a_moment_ago(
    engine: Engine,
) -> None:
    cleaned = Cleaned(held=asyncio.Event())
    await engine.app(cleaned.app())
    late = LateAnswers(engine.store.aftermath, lambda: running.scheduler.running == 0)
    running = await engine.scheduler(store=StoreWith(engine.store, aftermath=late))
    await running.start(await engine.submit("count", numbers(3)))
    await late.read.wait()
    assert cleaned.held is not None
    cleaned.held.set()
    await late.told.wait()
    await nothing_is_due(engine)
    await asyncio.sleep(0.3)  # some rounds

    assert cleaned.calls == [("count", 3)]


async def test_a_cleanup_that_could_not_be_noted_is_called_again(engine: Engine) -> None:
    cleaned = Cleaned()
    await engine.app(cleaned.app())
    forgetful = Forgetful(engine.store.aftermath)
    running = await engine.scheduler(store=StoreWith(engine.store, aftermath=forgetful))
    await running.start(await engine.submit("count", numbers(3)))
    await eventually(lambda: len(cleaned.calls) == 2)
    await nothing_is_due(engine)

    assert cleaned.calls == [("count", 3)] * 2


class Forgetful:
    """Does not take the first note that a cleanup was called."""

    def __init__(self, aftermath: AftermathStore) -> None:
        self._aftermath = aftermath
        self._is_first = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aftermath, name)

    async def cleaned(self, task_id: str, *, reason: str | None) -> None:
        if self._is_first:
            self._is_first = False
            raise StoreUnavailable("not now")
        await self._aftermath.cleaned(task_id, reason=reason)


async def test_a_crash_in_such_a_call_is_recorded_and_it_is_not_called_again(
    engine: Engine,
) -> None:
    cleaned = Cleaned(crashes=True)
    await engine.app(cleaned.app())
    task_id = await left_uncalled(engine)
    await engine.scheduler()
    task = await engine.until(task_id, lambda task: task.reason is not None)

    assert task.reason == "cleanup crashed: RuntimeError"
    assert task.status is TaskStatus.SUCCESS
    await nothing_is_due(engine)
    assert len(cleaned.calls) == 1


async def test_where_no_app_has_a_hook_none_is_due(engine: Engine, store: MongoStore) -> None:
    await engine.app(Adding().app())
    await engine.scheduler()
    task, _ = await engine.run("add", numbers(10))

    document = await store._database["tasks"].find_one({"_id": task.id})
    assert document is not None
    assert "final_since" in document
    assert "cleanup_due" not in document
