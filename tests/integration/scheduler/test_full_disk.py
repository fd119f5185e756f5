"""The database has no room: tasks wait, say so, and go on by themselves when there is some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kztasks.domain.status import TaskStatus
from kztasks.errors import StoreFull, StoreUnavailable
from kztasks.scheduler import noted_log
from kztasks.store.embedded import EmbeddedStore
from kztasks.store.mongo import MongoStore
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.faulty import FullLog, FullNodes, StoreWith
from tests.integration.scheduler.kit import NODE_TTL_S, Engine, eventually, numbers
from tests.servers.disk import full_disk

pytestmark = [pytest.mark.store, pytest.mark.faults]

ROWS = 500


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """A server whose disk the test may fill."""
    async with EmbeddedStore(tmp_path / "server") as server:
        yield server


@pytest.fixture
async def store(
    server: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MongoStore]:
    """A store on that server."""
    monkeypatch.setattr(noted_log, "SHOWN_AFTER_S", 0.1)
    store = MongoStore(server.url)
    await store.prepare()
    yield store
    await store.close()


async def test_a_task_waits_for_room_and_loses_and_repeats_nothing(
    engine: Engine, server: EmbeddedStore
) -> None:
    """Meanwhile no other task is begun, nobody is taken for dead, and health says why."""
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    one, other = await engine.scheduler(), await engine.scheduler()
    task_id, later = [await engine.submit("add", numbers(ROWS)) for _ in range(2)]
    await one.start(task_id)
    await eventually(lambda: adding.has_run(100))
    with capture_logs() as logged:
        with full_disk(server.pid):
            adding.held[100].set()
            (runner,) = one.scheduler._owned.snapshot()
            await eventually(lambda: runner._waiting_for() == "room in the database")
            told = (await one.scheduler.health.checks())["store"]
            assert told.startswith("store_full: the database has no room")
            for scheduler in (one, other):
                with pytest.raises(StoreUnavailable):
                    await scheduler.scheduler.operations.start(later)
            assert (await engine.task(later)).status is TaskStatus.PENDING
            await asyncio.sleep(NODE_TTL_S * 1.2)  # what matters is that so much time goes by
            checks = await other.scheduler.health.checks()
            assert checks["store"].startswith("store_full")
            assert checks["node"].startswith("fenced")
        task = await engine.ended(task_id)
        await other.start(later)
        await engine.ended(later)

    assert (task.status, task.reason, task.rescues) == (TaskStatus.SUCCESS, None, 0)
    assert task.owner is not None
    assert task.owner.epoch == 1
    assert await engine.output(task_id) == sums(ROWS)
    assert await engine.output(later) == sums(ROWS)
    assert adding.repeated == 0
    assert not {"node_dead", "node_declared_dead"} & {line["event"] for line in logged}
    await eventually(lambda: one.scheduler.life.trouble is None)
    assert set((await one.scheduler.health.checks()).values()) == {"ok"}
    unknown = one.scheduler.metrics.registry.get_sample_value("kztasks_unknown_writes_total")
    assert unknown is not None
    assert unknown >= 1


async def test_no_task_is_begun_or_taken_over_while_there_is_room_for_small_things_alone(
    engine: Engine,
) -> None:
    """Their first batches would find none."""
    adding = Adding(held={10: asyncio.Event()})
    await engine.app(adding.app())
    log = FullLog(engine.store.log)
    running = await engine.scheduler(store=StoreWith(engine.store, log=log))
    first, later, orphan = [await engine.submit("add", numbers(ROWS)) for _ in range(3)]
    await running.start(first)
    await eventually(lambda: adding.has_run(10))
    log.is_full = True
    adding.held[10].set()
    told = await engine.until(first, lambda task: task.waiting_for)
    assert told.waiting_for == "room in the database"
    with pytest.raises(StoreFull):
        await running.scheduler.operations.start(later)
    await engine.store.tasks.claim(orphan, node="dead", worker="dead", now=1)
    await asyncio.sleep(0.5)  # some rounds
    assert (await engine.task(later)).status is TaskStatus.PENDING
    assert (await engine.task(orphan)).rescues == 0
    log.is_full = False
    for task_id in (first, orphan):
        assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
        assert await engine.output(task_id) == sums(ROWS)
    await running.start(later)
    await engine.ended(later)
    assert adding.repeated == 0


async def test_schedulers_whose_heartbeats_find_no_room_do_not_take_each_other_for_dead(
    engine: Engine,
) -> None:
    nodes = FullNodes(engine.store.nodes)
    running = [await engine.scheduler(store=StoreWith(engine.store, nodes=nodes)) for _ in range(3)]
    with capture_logs() as logged:
        nodes.is_full = True
        await asyncio.sleep(NODE_TTL_S * 2)  # what matters is that so much time goes by
        nodes.is_full = False
        await eventually(lambda: all(one.scheduler.life.trouble is None for one in running))

    assert not {"node_dead", "node_declared_dead"} & {line["event"] for line in logged}
    known = {node.node_id for node in await engine.store.nodes.all()}
    assert known == {one.scheduler.life.node_id for one in running}


async def test_an_output_that_finds_no_room_is_uploaded_when_there_is_some(
    engine: Engine, server: EmbeddedStore
) -> None:
    go_on = asyncio.Event()
    adding = Adding(held_at_end=go_on)
    await engine.app(adding.app())
    scheduler = await engine.scheduler()
    await engine.store.set_run_time_settings(
        {"pause_between_upload_output_attempts_s": 0.05, "attempt_upload_output_times": 1000}
    )
    task_id = await engine.submit("add", numbers(ROWS))
    await scheduler.start(task_id)
    await adding.at_end.wait()
    with capture_logs() as logged, full_disk(server.pid):
        go_on.set()
        await eventually(lambda: "output_not_uploaded" in {line["event"] for line in logged})

    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert await engine.output(task_id) == sums(ROWS)
