"""Schedules on several schedulers, a store, and a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from kztasks.domain.schedule import (
    Overlap,
    RunOutcome,
    Schedule,
    asked_for,
    paused,
    resumed,
)
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import InputFile, Task
from kztasks.domain.timing import Timing
from kztasks.errors import StoreUnavailable
from kztasks.schedules.service import MOST_MAKING, Schedules
from kztasks.store.interface import Ending
from kztasks.store.mongo import MongoStore
from tests.integration.triggers.kit import SetClock, eventually

T0 = 1_790_000_400
CSV = b"number,comment\r\n1,a\r\n2,b\r\n"
ACCOUNT = "a" * 32


@dataclass
class Node:
    schedules: Schedules
    node_id: str
    loop: asyncio.Task[None]
    is_alive: bool = True


@dataclass
class Site:
    store: MongoStore
    clock: SetClock
    nodes: list[Node] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    refusal: str | None = None

    async def scheduler(self, *, store: Any = None, start: Any = None) -> Node:
        node_id = f"n{len(self.nodes)}"
        await self.store.nodes.register(node_id, node_id)
        schedules = Schedules(
            store or self.store,
            self.clock,
            node_id=lambda: node_id,
            is_held=lambda: False,
            start=start or self.start,
        )
        node = Node(schedules, node_id, asyncio.create_task(schedules.run()))
        self.nodes.append(node)
        await eventually(self.is_settled)
        return node

    async def start(self, task_id: str) -> str | None:
        if self.refusal is None and task_id not in self.started:
            self.started.append(task_id)
            await self.store.tasks.claim(task_id, node="n", worker="n", now=T0)
        return self.refusal

    async def end(self, task_id: str) -> None:
        ending = Ending(
            status=TaskStatus.SUCCESS,
            ended_at=T0,
            failed=0,
            succeeded=2,
            output=None,
            reason=None,
        )
        assert await self.store.tasks.finish(task_id, epoch=1, ending=ending)

    async def add(self, **changes: Any) -> Schedule:
        file = InputFile(
            file_id="s1.in.csv",
            columns=("number", "comment"),
            size=len(CSV),
            body_offset=16,
            body_line=2,
            sha256="0" * 64,
        )
        async with self.store.files.upload(file.file_id, "in.csv") as upload:
            await upload.write(CSV)
            await upload.commit()
        schedule = Schedule(
            id="s1",
            account_id=ACCOUNT,
            auth_account_id=ACCOUNT,
            category="c",
            action="x",
            timing=Timing("*/10 * * * *"),
            created=T0,
            next=T0 + 600,
            input=file,
            total_rows=2,
            file_name="n.csv",
        )
        schedule = replace(schedule, **changes)
        await self.store.schedules.insert(schedule)
        return schedule

    async def change(self, changed: Callable[[Schedule], Schedule]) -> None:
        now = await self.store.schedules.get("s1")
        assert now is not None
        assert await self.store.schedules.replace(changed(now))

    async def go_to(self, now: float) -> None:
        for _ in range(2):
            self.clock.set(now)
            await eventually(self.is_settled)

    async def kill(self, node: Node) -> None:
        node.is_alive = False
        tasks = [node.loop, *node.schedules._making.values()]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.store.nodes.remove(node.node_id)

    async def tasks(self) -> list[Task]:
        return await self.store.tasks.page(ACCOUNT, limit=1000, start=None)

    async def outcomes(self) -> list[tuple[int, RunOutcome, int]]:
        found = await self.store.schedules.records("s1", limit=1000)
        return [(one.instant - T0, one.outcome, one.count) for one in reversed(found)]

    def is_settled(self) -> bool:
        living = [node for node in self.nodes if node.is_alive]
        idle = all(node.schedules.making == 0 for node in living)
        return idle and self.clock.sleeping == len(living)


@pytest.fixture
async def site(store: MongoStore) -> AsyncIterator[Site]:
    site = Site(store, SetClock(T0))
    yield site
    for node in site.nodes:
        if node.is_alive:
            node.loop.cancel()
            await asyncio.gather(node.loop, return_exceptions=True)
            await node.schedules.close(5)


async def test_three_schedulers_make_one_task_for_each_moment_with_its_own_input(
    site: Site,
) -> None:
    await site.add(overlap=Overlap.ALLOW)
    for _ in range(3):
        await site.scheduler()
    for number in range(1, 11):
        await site.go_to(T0 + 300 * number)
    tasks = await site.tasks()
    assert len(tasks) == 5
    assert sorted(site.started) == sorted(task.id for task in tasks)
    for task in tasks:
        assert (task.total_rows, task.file_name, task.category) == (2, "n.csv", "c")
        assert task.input is not None
        download = await site.store.files.download(task.input.file_id)
        assert await download.read(1000) == CSV
    assert len({task.input.file_id for task in tasks if task.input}) == 5
    assert await site.outcomes() == [(600 * n, RunOutcome.STARTED, 1) for n in range(1, 6)]


async def test_a_moment_is_skipped_while_the_task_before_runs(site: Site) -> None:
    await site.add()
    await site.scheduler()
    await site.go_to(T0 + 600)
    await site.go_to(T0 + 1200)
    await site.end(site.started[0])
    await site.go_to(T0 + 1800)
    assert [one for _, one, _ in await site.outcomes()] == [
        RunOutcome.STARTED,
        RunOutcome.SKIPPED,
        RunOutcome.STARTED,
    ]


async def test_queued_moments_follow_one_another(site: Site) -> None:
    await site.add(overlap=Overlap.QUEUE)
    await site.scheduler()
    for number in (1, 2, 3):
        await site.go_to(T0 + 600 * number)
    assert len(site.started) == 1
    for number in (1, 2, 3):
        await site.end(site.started[-1])
        await site.go_to(T0 + 1800 + number)
    assert len(site.started) == 3
    assert await site.outcomes() == [(600 * n, RunOutcome.STARTED, 1) for n in range(1, 4)]


async def test_what_was_missed_is_made_up_for_once(site: Site) -> None:
    await site.add()
    node = await site.scheduler()
    await site.kill(node)
    site.clock.set(T0 + 6_300)
    await site.scheduler()
    assert len(site.started) == 1
    assert await site.outcomes() == [
        (5400, RunOutcome.MISSED, 9),
        (6000, RunOutcome.STARTED, 1),
    ]


async def test_paused_resumed_and_asked_for(site: Site) -> None:
    await site.add(overlap=Overlap.ALLOW)
    await site.scheduler()
    await site.change(paused)
    await site.go_to(T0 + 1300)
    assert site.started == []
    await site.change(lambda schedule: asked_for(schedule, T0 + 1300))
    await site.go_to(T0 + 1301)
    assert len(site.started) == 1
    await site.change(lambda schedule: resumed(schedule, T0 + 1301))
    await site.go_to(T0 + 1799)
    assert len(site.started) == 1
    await site.go_to(T0 + 1800)
    assert len(site.started) == 2


async def test_a_task_that_cannot_be_started_is_there_and_the_record_says_why(site: Site) -> None:
    await site.add()
    site.refusal = "too many tasks"
    await site.scheduler()
    await site.go_to(T0 + 600)
    (task,) = await site.tasks()
    assert task.status is TaskStatus.PENDING
    (record,) = await site.store.schedules.records("s1", limit=9)
    assert (record.outcome, record.reason) == (RunOutcome.NOT_STARTED, "too many tasks")


async def test_a_schedule_whose_input_is_gone_says_so_at_each_moment(site: Site) -> None:
    await site.add()
    await site.store.files.delete("s1.in.csv")
    await site.scheduler()
    await site.go_to(T0 + 600)
    await site.go_to(T0 + 1200)
    assert [one for _, one, _ in await site.outcomes()] == [RunOutcome.NOT_MADE] * 2
    assert await site.tasks() == []


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
