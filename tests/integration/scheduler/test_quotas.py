"""Who has as many running tasks as it may has to wait; others do not."""

from __future__ import annotations

import asyncio
import math

import pytest

from kztasks import quota
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.errors import SchedulerFull, SchedulerUnavailable
from kztasks.kazoo.client import KazooClient
from kztasks.kazoo.listener import KazooListener
from kztasks.kazoo.operations import StartRefusal
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.kit import Engine, eventually, numbers

pytestmark = pytest.mark.store


async def test_an_account_starts_no_more_tasks_than_it_may_run_at_the_same_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until one of them has ended; the words are Kazoo's messages."""
    monkeypatch.setattr(quota, "FRESH_S", 0.0)
    monkeypatch.setattr(quota, "SHARE", math.inf)
    scheduler = await engine.scheduler(account_executing_tasks=2)
    listener = KazooListener(scheduler.bus, scheduler.scheduler.operations, node="kztasks@s")
    await listener.open()
    bus = await engine.bus("client")
    crossbar = KazooClient(bus, "crossbar@c")
    await crossbar.open()
    mine = [await engine.submit("add", numbers(3)) for _ in range(3)]
    other = await engine.submit("add", numbers(3), account_id="c" * 32)

    answers = [await crossbar.start(task_id) for task_id in (*mine, other)]
    refused = [answer == StartRefusal.TOO_MANY_TASKS for answer in answers]
    assert refused == [False, False, True, False]
    assert (await engine.task(mine[2])).status is TaskStatus.PENDING

    await engine.app(Adding().app())
    await engine.ended(mine[0])
    await engine.ended(mine[1])
    assert not isinstance(await crossbar.start(mine[2]), StartRefusal)
    await engine.ended(mine[2])
    await crossbar.close()
    await listener.close()
    await bus.close()


async def test_a_full_scheduler_begins_nothing_and_leaves_what_it_could_take_over_to_others(
    engine: Engine,
) -> None:
    adding = Adding(held={5: asyncio.Event()})
    await engine.app(adding.app())
    full = await engine.scheduler(node_executing_tasks=1)
    held = await engine.submit("add", numbers(5))
    await full.start(held)
    await eventually(lambda: adding.has_run(5))
    waiting = await engine.submit("add", numbers(3))
    with pytest.raises(SchedulerFull):
        await full.scheduler.operations.start(waiting)
    orphan = await engine.submit("add", numbers(3))
    assert await engine.store.tasks.claim(orphan, node="dead", worker="dead", now=1)
    await full.scheduler._observe()
    task = await engine.task(orphan)
    assert task.owner is not None
    assert task.owner.node == "dead"

    other = await engine.scheduler()
    assert isinstance(await other.scheduler.operations.start(waiting), Task)
    for task_id in (waiting, orphan):
        await engine.ended(task_id)
        assert await engine.output(task_id) == sums(3)
    adding.held[5].set()
    await engine.ended(held)


async def test_a_full_scheduler_is_unavailable_to_kazoo(engine: Engine) -> None:
    scheduler = await engine.scheduler(node_executing_tasks=1)
    listener = KazooListener(scheduler.bus, scheduler.scheduler.operations, node="kztasks@s")
    await listener.open()
    bus = await engine.bus("client")
    crossbar = KazooClient(bus, "crossbar@c")
    await crossbar.open()
    first, second = [await engine.submit("add", numbers(3)) for _ in range(2)]
    assert not isinstance(await crossbar.start(first), StartRefusal)
    with pytest.raises(SchedulerUnavailable):
        await crossbar.start(second)
    await crossbar.close()
    await listener.close()
    await bus.close()


async def test_more_tasks_than_are_taken_at_once_are_taken_in_one_round(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = await engine.scheduler()
    for one in scheduler.scheduler._rounds:
        one.cancel()
    monkeypatch.setattr("kztasks.scheduler.service.TAKE_AT_ONCE", 3)
    orphans = [await engine.submit("add", numbers(1)) for _ in range(10)]
    for task_id in orphans:
        assert await engine.store.tasks.claim(task_id, node="dead", worker="dead", now=1)
    await scheduler.scheduler._observe()
    assert scheduler.scheduler.running == 10
