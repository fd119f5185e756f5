"""A handler that does not return is cancelled where that can be done; else its process is stuck."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from tasks_bindings import Context, Row, Trigger, ok
from tasks_bindings.sdk.dispatch import Dispatcher
from tasks_bindings.sdk.overdue import CANCEL_S
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.wire.messages import BatchReply, Call
from tests.unit.bindings.cluster import PATIENCE_S, Cluster, decoded
from tests.unit.bindings.support import IDENTITY, TASK, batch, csv_app, numbered

ROW_S = 10.0
GRACE_S = 5.0


class Time:
    """A clock that goes on when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Held:
    """Handlers that return when they are let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go_on = threading.Event()
        self.loop = asyncio.get_running_loop()
        self.is_stubborn = False

    def sync(self, _context: Context, _data: object, _row: Row) -> object:
        self.loop.call_soon_threadsafe(self.entered.set)
        self.go_on.wait(PATIENCE_S)
        return ok()

    async def coroutine(self, _context: Context, _data: object, _row: Row) -> object:
        self.entered.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not self.is_stubborn or self.go_on.is_set():
                    raise


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    held = Held()
    yield held
    held.go_on.set()


@pytest.fixture
def clock() -> Time:
    return Time()


def dispatcher(handler: object, clock: Time) -> Dispatcher:
    return Dispatcher(csv_app(handler), IDENTITY, stuck_grace_s=GRACE_S, clock=clock)  # type: ignore[arg-type]


def running(
    asked: Dispatcher, *, row_timeout_ms: int | None = int(ROW_S * 1000)
) -> asyncio.Task[bytes]:
    return asyncio.create_task(asked.batch(batch(numbered(3), row_timeout_ms=row_timeout_ms)))


async def looked_at(asked: Dispatcher, clock: Time, *after_s: float) -> None:
    """Look at what runs now, and again each time that so many seconds more have gone by."""
    asked.overdue.look()
    for seconds in after_s:
        clock.now += seconds
        asked.overdue.look()
        await asyncio.sleep(0)


async def test_a_thread_that_does_not_return_makes_its_process_stuck(
    held: Held, clock: Time
) -> None:
    def handler(context: Context, data: object, args: Row) -> object:
        return held.sync(context, data, args)

    asked = dispatcher(handler, clock)
    run = running(asked)
    await held.entered.wait()
    await looked_at(asked, clock, ROW_S + GRACE_S - 1)
    assert not asked.overdue.stuck
    await looked_at(asked, clock, 2)
    (why,) = asked.overdue.stuck

    assert asked.overdue.is_stuck.is_set()
    assert f"row 1 of task {TASK}" in why
    assert "cat.act" in why
    assert handler.__qualname__ in why
    assert asked.overdue.is_all
    held.go_on.set()
    await run


async def test_each_row_has_its_own_time(held: Held, clock: Time) -> None:
    rows = 0

    async def handler(context: Context, data: object, args: Row) -> object:
        nonlocal rows
        rows += 1
        clock.now += ROW_S
        asked.overdue.look()
        return ok()

    asked = dispatcher(handler, clock)
    await running(asked)

    assert rows == 3
    assert not asked.overdue.stuck


async def test_a_requester_that_sets_no_time_waits_for_ever(held: Held, clock: Time) -> None:
    def handler(context: Context, data: object, args: Row) -> object:
        return held.sync(context, data, args)

    asked = dispatcher(handler, clock)
    run = running(asked, row_timeout_ms=None)
    await held.entered.wait()
    await looked_at(asked, clock, 1e6)

    assert not asked.overdue.stuck
    held.go_on.set()
    await run


async def test_a_coroutine_is_cancelled_and_its_process_goes_on(held: Held, clock: Time) -> None:
    async def handler(context: Context, data: object, args: Row) -> object:
        return await held.coroutine(context, data, args)

    asked = dispatcher(handler, clock)
    run = running(asked)
    await held.entered.wait()
    await looked_at(asked, clock, ROW_S + GRACE_S + 1)
    with pytest.raises(RequestRefused, match="row 1 was cancelled"):
        await run

    assert asked.running == 0
    await looked_at(asked, clock, CANCEL_S + 1)
    assert not asked.overdue.stuck


async def test_one_that_does_not_let_itself_be_cancelled_is_as_bad_as_a_thread(
    held: Held, clock: Time
) -> None:
    held.is_stubborn = True

    async def handler(context: Context, data: object, args: Row) -> object:
        return await held.coroutine(context, data, args)

    asked = dispatcher(handler, clock)
    run = running(asked)
    await held.entered.wait()
    await looked_at(asked, clock, ROW_S + GRACE_S + 1)
    assert not asked.overdue.stuck
    await looked_at(asked, clock, CANCEL_S + 1)

    assert asked.overdue.stuck
    held.go_on.set()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_other_batches_may_end_before_a_stuck_process_does(held: Held, clock: Time) -> None:

    def handler(context: Context, data: object, args: Row) -> object:
        return held.sync(context, data, args)

    asked = dispatcher(handler, clock)
    stuck = running(asked)
    await held.entered.wait()
    await looked_at(asked, clock, ROW_S + GRACE_S + 1)
    held.entered.clear()
    other = asyncio.create_task(asked.batch(batch(numbered(1), seq=2)))
    await held.entered.wait()

    assert not asked.overdue.is_all
    held.go_on.set()
    await asyncio.gather(stuck, other)


async def test_so_may_the_function_of_a_trigger(held: Held, clock: Time) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    def handler(context: Context, data: object, args: Row) -> object:
        return held.sync(context, data, args)

    app = csv_app(handler)

    @app.trigger(Trigger.DAY)
    async def nightly() -> None:
        entered.set()
        await go_on.wait()

    asked = Dispatcher(app, IDENTITY, stuck_grace_s=GRACE_S, clock=clock)
    run = running(asked)
    await held.entered.wait()
    firing = asyncio.create_task(asked.call(Call(key="tasks.triggers.day")))
    await entered.wait()
    await looked_at(asked, clock, ROW_S + GRACE_S + 1)
    assert not asked.overdue.is_all
    go_on.set()
    await firing

    assert asked.overdue.is_all
    held.go_on.set()
    await run


async def test_what_waits_behind_a_stuck_handler_is_run_elsewhere_at_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, hangs = Held(), True
    monkeypatch.setattr("tasks_bindings.sdk.overdue.LOOK_S", 0.02)

    def handler(context: Context, data: object, args: Row) -> object:
        return held.sync(context, data, args) if hangs else ok()

    app = csv_app(handler)
    stuck = await cluster.run(app, stuck_grace_s=0.1)
    asking = asyncio.create_task(cluster.send(batch(numbered(1), row_timeout_ms=50)))
    await held.entered.wait()
    alone = asyncio.create_task(cluster.send(batch(numbered(1), seq=2, alone=True)))
    async with asyncio.timeout(PATIENCE_S):
        await stuck.runner.stuck.is_stuck.wait()
        assert any("row 1" in why for why in stuck.runner.not_ready)
        assert not await stuck.runner.close(drain_s=1e6)
    hangs = False
    await stuck.bus.close()
    successor = await cluster.run(app)

    assert decoded(await alone, BatchReply).app == successor.runner.identity
    held.go_on.set()
    await asking
