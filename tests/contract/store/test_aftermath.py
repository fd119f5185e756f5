"""What is left to do for a task that has ended is written in its document, and done once."""

from __future__ import annotations

import asyncio

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile, Task
from kztasks.store.aftermath import Redelivery
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import executing
from tests.contract.store.test_ownership import an_ending
from tests.fixtures.undelivered import read, undelivered

pytestmark = pytest.mark.store


async def ended(store: MongoStore, node: str) -> Task:
    task = await executing(store.tasks, node)
    assert await store.tasks.finish(task.id, epoch=1, ending=an_ending())
    return task


def to(name: str) -> Redelivery:
    return Redelivery(
        output=OutputFile(file_id=name, size=3, sha256="1" * 64),
        status=TaskStatus.SUCCESS,
        reason=None,
    )


async def test_the_final_status_says_in_the_same_write_that_the_cleanup_is_due(
    store: MongoStore,
) -> None:
    running = await executing(store.tasks, "n0")
    assert await store.aftermath.cleanup_nodes() == frozenset()
    task, other = await ended(store, "n1"), await ended(store, "n2")

    assert await store.aftermath.cleanup_nodes() == {"n1", "n2"}
    assert [one.id for one in await store.aftermath.cleanups_of("n1", limit=9)] == [task.id]
    await store.aftermath.cleaned(task.id)
    await store.aftermath.cleaned(task.id)
    await store.aftermath.cleaned(running.id, reason="no")
    assert await store.aftermath.cleanup_nodes() == {"n2"}
    assert (await read(store, running)).reason is None
    await store.aftermath.cleaned(other.id, reason="cleanup crashed: ValueError")
    assert (await read(store, other)).reason == "cleanup crashed: ValueError"
    assert (await read(store, other)).status is TaskStatus.SUCCESS


async def test_one_of_those_who_find_a_cleanup_of_a_dead_node_gets_it(store: MongoStore) -> None:
    task = await ended(store, "dead")
    taken = await asyncio.gather(
        *(store.aftermath.take_cleanup(task.id, lost="dead", node=f"n{n}") for n in range(20))
    )
    assert taken.count(True) == 1
    assert await store.aftermath.cleanup_nodes() == {f"n{taken.index(True)}"}
    await store.aftermath.cleaned(task.id)
    winner = f"n{taken.index(True)}"
    assert not await store.aftermath.take_cleanup(task.id, lost=winner, node="late")


async def test_tasks_without_output_are_those_that_ended_and_whose_log_is_kept(
    store: MongoStore,
) -> None:
    await executing(store.tasks)
    await ended(store, "n1")
    missing = sorted([(await undelivered(store)).id for _ in range(5)])

    first = await store.aftermath.without_output(after="", limit=3)
    rest = await store.aftermath.without_output(after=first[-1].id, limit=3)
    assert [one.id for one in (*first, *rest)] == missing


async def test_of_two_who_store_an_output_one_is_kept(store: MongoStore) -> None:
    task = await undelivered(store)
    kept = await asyncio.gather(
        *(store.aftermath.redeliver(task.id, epoch=1, to=to(f"f{n}")) for n in range(10))
    )
    assert kept.count(True) == 1
    winner = f"f{kept.index(True)}"
    assert await store.aftermath.redeliver(task.id, epoch=1, to=to(winner)), "an answer was lost"
    found = await read(store, task)
    assert found.output is not None
    assert (found.output.file_id, found.status, found.reason) == (winner, TaskStatus.SUCCESS, None)
    assert await store.aftermath.without_output(after="", limit=3) == []


async def test_an_output_is_not_given_to_a_task_that_runs_or_had_another_owner(
    store: MongoStore,
) -> None:
    running, task = await executing(store.tasks), await undelivered(store)
    assert not await store.aftermath.redeliver(running.id, epoch=1, to=to("f"))
    assert not await store.aftermath.redeliver(task.id, epoch=2, to=to("f"))
    assert not await store.aftermath.redeliver("0" * 30, epoch=1, to=to("f"))
    assert (await read(store, task)).output is None
