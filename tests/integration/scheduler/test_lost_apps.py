"""Apps lose their connection, die or leave in the middle of a batch; the output is exact."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from kztasks.domain.status import TaskStatus
from tasks_bindings.errors import BusUnavailable
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.kit import Engine, eventually, numbers

pytestmark = pytest.mark.store


async def started(engine: Engine, rows: int) -> str:
    task_id = await engine.submit("add", numbers(rows))
    await engine.schedulers[0].start(task_id)
    return task_id


async def came_out_exact(engine: Engine, task_id: str, rows: int) -> None:
    task = await engine.ended(task_id)
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.SUCCESS, rows, 0)
    assert await engine.output(task_id) == sums(rows)


async def test_an_app_that_loses_its_connection_in_a_batch_answers_without_running_it_again(
    engine: Engine,
) -> None:
    adding = Adding(held={100: asyncio.Event()})
    app = await engine.app(adding.app())
    await engine.scheduler()
    task_id = await started(engine, 500)
    await eventually(lambda: adding.has_run(100))
    with capture_logs() as logged:
        app.bus.disconnect()
        await eventually(lambda: any(one["event"] == "batch_joined" for one in logged))
    adding.held[100].set()

    await came_out_exact(engine, task_id, 500)
    assert adding.repeated == 0


async def test_a_batch_of_an_app_that_died_is_run_by_another_instance_at_once(
    engine: Engine,
) -> None:
    """Long before the silence would show; no more than that batch is run again."""
    adding = Adding(held={100: asyncio.Event()})
    first = await engine.app(adding.app("first"))
    await engine.scheduler(silence_s=3600)
    task_id = await started(engine, 500)
    await eventually(lambda: adding.has_run(100))
    await engine.app(adding.app("second"))
    await first.die()

    await came_out_exact(engine, task_id, 500)
    assert 0 < adding.by_instance["first"] < adding.by_instance["second"]
    assert 1 <= adding.repeated <= 100


async def test_an_app_that_hangs_is_noticed_by_its_silence(engine: Engine) -> None:
    """It is connected and does not answer; another attempt joins or repeats the work."""
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    await engine.scheduler(silence_s=0.3)
    task_id = await started(engine, 500)

    waiting = await engine.until(task_id, lambda task: task.waiting_for)
    assert waiting.waiting_for == "an app"
    adding.held[100].set()
    await came_out_exact(engine, task_id, 500)


async def test_an_app_that_leaves_in_good_order_answers_what_it_runs(engine: Engine) -> None:
    adding = Adding(held={100: asyncio.Event()})
    first = await engine.app(adding.app("first"))
    await engine.scheduler()
    task_id = await started(engine, 500)
    await eventually(lambda: adding.has_run(100))
    await engine.app(adding.app("second"))
    leaving = asyncio.ensure_future(first.runner.close(drain_s=10))
    adding.held[100].set()
    assert await leaving

    await came_out_exact(engine, task_id, 500)
    assert adding.repeated == 0
    assert adding.by_instance["second"] > 0


async def test_a_scheduler_that_loses_its_connection_goes_on(engine: Engine) -> None:
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    scheduler = await engine.scheduler()
    task_id = await started(engine, 500)
    await eventually(lambda: adding.has_run(100))
    scheduler.bus.disconnect(for_s=0.1)
    adding.held[100].set()

    await came_out_exact(engine, task_id, 500)
    assert adding.repeated == 0


async def test_after_an_outage_the_process_that_has_the_batch_is_asked_for_it(
    engine: Engine,
) -> None:
    """Whoever else is served by the broker next would run it again."""
    adding = Adding(held={100: asyncio.Event()})
    for _ in range(6):
        await engine.app(adding.app())
    scheduler = await engine.scheduler()
    task_id = await started(engine, 500)
    await eventually(lambda: adding.has_run(100))
    scheduler.bus.disconnect(for_s=0.1)
    await asyncio.sleep(0.3)  # long enough for another one to begin, if one were asked
    adding.held[100].set()

    await came_out_exact(engine, task_id, 500)
    assert adding.repeated == 0


async def test_connections_that_break_all_the_time_lose_nothing(engine: Engine) -> None:
    adding = Adding(row_s=0.0005)
    apps = [await engine.app(adding.app()) for _ in range(2)]
    scheduler = await engine.scheduler(silence_s=1.0)
    task_id = await started(engine, 600)
    buses = [scheduler.bus, *(app.bus for app in apps)]
    breaks = 0
    while not (await engine.task(task_id)).status.is_final:
        buses[breaks % 3].disconnect()
        breaks += 1
        await asyncio.sleep(0.05)  # so that something is under way again

    assert breaks > 3
    await came_out_exact(engine, task_id, 600)


async def test_a_batch_that_an_app_failed_to_answer_is_sent_again(engine: Engine) -> None:
    """Its broker took no messages for a while; that says nothing about the rows."""
    adding = Adding()
    app = await engine.app(adding.app())
    await engine.scheduler(silence_s=1.0)
    publish, failures = app.bus.publish, 0

    async def fail_once(*args: object, **options: object) -> None:
        nonlocal failures
        if adding.has_run(100) and failures == 0:
            failures += 1
            raise BusUnavailable("the broker takes no messages now")
        await publish(*args, **options)  # type: ignore[arg-type]  # handed through

    app.bus.publish = fail_once  # type: ignore[method-assign]  # breaks this bus alone
    task_id = await started(engine, 500)

    await came_out_exact(engine, task_id, 500)
    assert failures == 1
    assert adding.repeated == 0
