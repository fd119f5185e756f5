"""Many tasks at once, shared by schedulers and by instances of an app."""

from __future__ import annotations

from collections import Counter

import pytest

from kztasks.domain.log import RecordKind
from kztasks.domain.status import TaskStatus
from kztasks.kazoo.client import KazooClient
from kztasks.kazoo.listener import KazooListener
from kztasks.kazoo.operations import StartRefusal
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.kit import Engine, numbers

pytestmark = pytest.mark.store

TASKS = 30


async def test_tasks_that_run_at_once_are_shared_and_do_not_mix(engine: Engine) -> None:
    adding = Adding()
    for instance in ("one", "other"):
        await engine.app(adding.app(instance))
    listeners = []
    for _ in range(2):
        running = await engine.scheduler()
        listener = KazooListener(running.bus, running.scheduler.operations, node="kztasks@s")
        await listener.open()
        listeners.append(listener)
    bus = await engine.bus("client")
    crossbar = KazooClient(bus, "crossbar@c")
    await crossbar.open()

    rows = {await engine.submit("add", numbers(100 + n)): 100 + n for n in range(TASKS)}
    for task_id in rows:
        assert not isinstance(await crossbar.start(task_id), StartRefusal)
    workers: Counter[str | None] = Counter()
    for task_id, count in rows.items():
        task = await engine.ended(task_id)
        assert (task.status, task.succeeded) == (TaskStatus.SUCCESS, count)
        assert await engine.output(task_id) == sums(count)
        workers[task.worker_node] += 1
    await crossbar.close()
    for listener in listeners:
        await listener.close()
    await bus.close()

    assert len(workers) == 2
    assert workers.total() == TASKS
    assert len(adding.by_instance) == 2
    assert adding.repeated == 0


async def test_the_first_batch_of_a_task_is_as_large_as_others_have_shown_that_it_may_be(
    engine: Engine,
) -> None:
    """A small task of an action that is known so takes one batch."""
    await engine.app(Adding().app())
    await engine.scheduler()
    batches = []
    for _ in range(2):
        task_id = await engine.submit("add", numbers(100))
        await engine.schedulers[0].start(task_id)
        await engine.ended(task_id)
        kinds = [record.kind async for record in engine.store.log.records(task_id)]
        batches.append(kinds.count(RecordKind.BATCH))
    first, second = batches
    assert (first > 1, second) == (True, 1)
