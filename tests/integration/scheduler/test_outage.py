"""The database is killed and comes back; tasks go on by themselves and nothing is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from kztasks.domain.status import TaskStatus
from kztasks.store.embedded import EmbeddedStore
from kztasks.store.mongo import MongoStore, client
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.kit import NODE_TTL_S, Engine, eventually, numbers

pytestmark = [pytest.mark.store, pytest.mark.faults]

ROWS = 500

Logged = Sequence[MutableMapping[str, Any]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """A server that the test may kill."""
    async with EmbeddedStore(tmp_path / "server") as server:
        yield server
        await server.kill()


@pytest.fixture
async def store(
    server: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MongoStore]:
    """A store on that server, which gives up on a missing server soon."""
    options = {**client._OPTIONS, "serverSelectionTimeoutMS": 100}
    monkeypatch.setattr(client, "_OPTIONS", options)
    store = MongoStore(server.url)
    await store.prepare()
    yield store
    await store.close()


async def started(engine: Engine) -> str:
    task_id = await engine.submit("add", numbers(ROWS))
    await engine.schedulers[0].start(task_id)
    return task_id


async def came_out_exact(engine: Engine, task_id: str) -> None:
    task = await engine.ended(task_id)
    assert await engine.output(task_id) == sums(ROWS)
    assert (task.status, task.succeeded, task.reason) == (TaskStatus.SUCCESS, ROWS, None)
    assert task.owner is not None
    assert task.owner.epoch == 1


async def said(logged: Logged, event: str, times: int = 1) -> None:
    await eventually(lambda: sum(one["event"] == event for one in logged) >= times)


async def test_a_batch_that_could_not_be_committed_is_committed_later_and_not_run_again(
    engine: Engine, server: EmbeddedStore
) -> None:
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    await engine.scheduler()
    task_id = await started(engine)
    await eventually(lambda: adding.has_run(100))
    with capture_logs() as logged:
        await server.kill()
        adding.held[100].set()
        await said(logged, "commit_not_confirmed", times=2)
        await server.restart()

    await came_out_exact(engine, task_id)
    assert adding.repeated == 0


async def test_schedulers_keep_their_tasks_over_a_long_outage(
    engine: Engine, server: EmbeddedStore
) -> None:
    """None of them can beat meanwhile, and none takes the others for dead."""
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    await engine.scheduler()
    await engine.scheduler()
    task_id = await started(engine)
    await eventually(lambda: adding.has_run(100))
    with capture_logs() as logged:
        await server.kill()
        await asyncio.sleep(NODE_TTL_S * 1.2)  # what matters is that so much time goes by
        await server.restart()
        adding.held[100].set()
        await came_out_exact(engine, task_id)

    assert not {"node_dead", "node_declared_dead"} & {one["event"] for one in logged}
    assert adding.repeated == 0


async def test_an_outage_at_the_end_delays_the_delivery(
    engine: Engine, server: EmbeddedStore
) -> None:
    go_on = asyncio.Event()
    adding = Adding(held_at_end=go_on)
    await engine.app(adding.app())
    await engine.scheduler()
    await engine.store.set_run_time_settings({"pause_between_upload_output_attempts_s": 0.05})
    task_id = await started(engine)
    await adding.at_end.wait()
    with capture_logs() as logged:
        await server.kill()
        go_on.set()
        await said(logged, "step_put_off", times=2)
        await server.restart()

    await came_out_exact(engine, task_id)


async def test_outages_all_the_time_lose_nothing(engine: Engine, server: EmbeddedStore) -> None:
    adding = Adding(row_s=0.001)
    await engine.app(adding.app())
    await engine.scheduler()
    task_id = await started(engine)
    for committed in (20, 100, 250):
        await engine.committed(task_id, committed)
        await server.kill()
        await server.restart()

    await came_out_exact(engine, task_id)
    assert adding.repeated == 0
