"""Stores that fail and schedulers that die, while the task of a schedule's moment is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from kztasks.domain.schedule import RunOutcome, Schedule
from kztasks.domain.task import Task
from kztasks.errors import StoreUnavailable
from kztasks.schedules.service import MOST_MAKING
from kztasks.store.mongo import MongoStore
from tests.integration.schedules.kit import CSV, T0, Site
from tests.integration.triggers.kit import eventually


class Failing:
    """A store whose n-th call of any kind fails once, after or before it is done."""

    def __init__(self, store: MongoStore, n: int, *, is_lost: bool) -> None:
        self._store = store
        self._left = n
        self._is_lost = is_lost
        self.has_failed = False

    def __getattr__(self, name: str) -> Any:
        return _Part(getattr(self._store, name), self)

    async def call(self, method: Any, *args: Any, **options: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self.has_failed = True
            if self._is_lost:
                await method(*args, **options)
            raise StoreUnavailable("broken on purpose")
        return await method(*args, **options)


class _Part:
    def __init__(self, part: Any, failing: Failing) -> None:
        self._part, self._failing = part, failing

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        if name == "upload":
            return method
        if name == "due":
            return partial(self._each, method)

        async def call(*args: Any, **options: Any) -> Any:
            return await self._failing.call(method, *args, **options)

        return call

    async def _each(self, method: Any, now: int) -> AsyncIterator[Schedule]:
        async def all_of_them() -> list[Schedule]:
            return [one async for one in method(now)]

        for one in await self._failing.call(all_of_them):
            yield one


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("n", range(1, 14))
async def test_wherever_the_store_fails_a_moment_gets_one_task(
    site: Site, n: int, *, is_lost: bool
) -> None:
    await site.add()
    failing = Failing(site.store, n, is_lost=is_lost)
    await site.scheduler(store=failing)
    for second in range(8):
        await site.go_to(T0 + 600 + second)
    assert failing.has_failed
    assert len(await site.tasks()) == len(site.started) == 1
    assert await site.outcomes() == [(600, RunOutcome.STARTED, 1)]


async def test_a_moment_whose_scheduler_dies_gets_its_task_from_another_one(site: Site) -> None:
    await site.add()
    reached = asyncio.Event()

    async def never(_task_id: str) -> None:
        reached.set()
        await asyncio.Event().wait()

    dying = await site.scheduler(start=never)
    site.clock.set(T0 + 600)
    async with asyncio.timeout(20):
        await reached.wait()
    await site.kill(dying)
    await site.scheduler()
    await site.go_to(T0 + 602)
    (task,) = await site.tasks()
    assert site.started == [task.id]
    assert await site.outcomes() == [(600, RunOutcome.STARTED, 1)]


class Spoilt:
    """A store in which the task of one schedule cannot even be looked for."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self.tasks = self

    async def get(self, task_id: str) -> Task | None:
        if task_id == "spoilt":
            raise ValueError(task_id)
        return await self._store.tasks.get(task_id)

    async def insert(self, task: Task) -> None:
        await self._store.tasks.insert(task)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_schedule_that_cannot_be_dealt_with_stops_no_other_one(site: Site) -> None:
    first = await site.add(last_task_id="spoilt", next=T0 + 300)
    await site.store.schedules.insert(replace(first, id="s2", last_task_id=None))
    await site.scheduler(store=Spoilt(site.store))
    await site.go_to(T0 + 600)
    assert len(site.started) == 1


async def test_however_many_are_due_few_tasks_are_made_at_the_same_time(site: Site) -> None:
    schedule = await site.add(input=None)
    for number in range(40):
        await site.store.schedules.insert(replace(schedule, id=f"t{number}"))
    starting: list[str] = []
    goes_on = asyncio.Event()

    async def start(task_id: str) -> None:
        starting.append(task_id)
        await goes_on.wait()

    node = await site.scheduler(start=start)
    site.clock.set(T0 + 600)
    await eventually(lambda: node.schedules.making == 41 and len(starting) >= MOST_MAKING)
    assert len(await site.tasks()) == len(starting) == MOST_MAKING
    goes_on.set()
    await eventually(site.is_settled)
    assert len(starting) == 41


class Slow:
    """A store whose first copy of an input stands still when a part of it is written."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self.reached, self.goes_on = asyncio.Event(), asyncio.Event()
        self.files = self

    async def download(self, file_id: str) -> Any:
        download = await self._store.files.download(file_id)
        self._download = download
        return self

    async def read(self, _size: int) -> bytes:
        part: bytes = await self._download.read(9)
        if self.reached.is_set():
            await self.goes_on.wait()
        self.reached.set()
        return part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.files if name == "upload" else self._store, name)


async def test_one_that_lost_a_moment_while_it_copied_spoils_no_input(site: Site) -> None:
    await site.add()
    slow = Slow(site.store)
    loser = await site.scheduler(store=slow)
    site.clock.set(T0 + 600)
    await asyncio.wait_for(slow.reached.wait(), 20)
    await site.store.nodes.remove(loser.node_id)
    site.clock.set(T0 + 601)
    heir = await site.scheduler(settles=False)
    await eventually(lambda: len(site.started) == 1 and heir.schedules.making == 0)
    slow.goes_on.set()
    await eventually(site.is_settled)
    (task,) = await site.tasks()
    assert task.input is not None
    download = await site.store.files.download(task.input.file_id)
    assert await download.read(1000) == CSV
    assert site.started == [task.id]
    assert await site.outcomes() == [(600, RunOutcome.STARTED, 1)]
