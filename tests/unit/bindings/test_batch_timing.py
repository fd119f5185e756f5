"""When a batch ends, how long it pauses, and what it leaves to others meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from types import SimpleNamespace

import pytest

from tasks_bindings import Context, Row, ok, row
from tasks_bindings.sdk import batch as batch_module
from tests.unit.bindings.support import (
    MakeApp,
    batch,
    batch_run,
    both,
    csv_app,
    numbered,
    run_batch,
)


def echo(_context: Context, _data: object, args: Row) -> object:
    return row([args["a"]])


@both
async def test_a_cancelled_batch_ends_after_its_present_row(make: MakeApp) -> None:
    loop, main = asyncio.get_running_loop(), threading.get_ident()

    def handler(_context: Context, _data: object, args: Row) -> object:
        if args["a"] == "2" and threading.get_ident() == main:
            run.cancel.set()
        elif args["a"] == "2":
            told = threading.Event()
            loop.call_soon_threadsafe(run.cancel.set)
            loop.call_soon_threadsafe(told.set)
            assert told.wait(30)
        return ok()

    run = batch_run(make(handler), batch(numbered(4)))
    await run.execute()
    assert run.run.returns == [{"ok": True}] * 2
    assert not run.run.ended


@both
async def test_a_cancel_does_not_wait_for_the_pause(make: MakeApp) -> None:
    loop, ran = asyncio.get_running_loop(), asyncio.Event()

    def handler(_context: Context, _data: object, _row: Row) -> object:
        loop.call_soon_threadsafe(ran.set)
        return ok()

    run = batch_run(make(handler), batch(numbered(2), pause_ms=30_000))
    running = asyncio.create_task(run.execute())
    await ran.wait()
    run.cancel.set()
    async with asyncio.timeout(10):
        assert (await running).done == 1


@pytest.mark.parametrize("steps", range(4))
async def test_a_pause_that_ends_at_the_moment_of_a_cancel_is_cancelled(steps: int) -> None:
    """`asyncio.wait_for` of Python 3.11 returns then, and the process does not leave."""
    cancel = batch_module.Cancel()
    pausing = asyncio.create_task(cancel.pause_async(30))
    for _ in range(3):
        await asyncio.sleep(0)
    cancel.set()
    for _ in range(steps):
        await asyncio.sleep(0)

    if pausing.cancel():
        with pytest.raises(asyncio.CancelledError):
            await pausing
    else:
        assert pausing.result() < 30


@both
def test_after_its_time_a_batch_answers_with_the_rows_that_it_has_run(make: MakeApp) -> None:
    def handler(_context: Context, _data: object, _row: Row) -> object:
        time.sleep(0.03)
        return ok()

    run = run_batch(make(handler), batch(numbered(50), work_ms=50))
    assert 1 <= run.run.done < 5
    assert not run.run.ended


@both
def test_one_row_is_run_however_late_it_is(make: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)))  # later at each look
    monkeypatch.setattr(batch_module, "time", clock)
    assert run_batch(make(echo), batch(numbered(3), work_ms=1)).run.done == 1


@both
def test_the_pause_is_between_the_rows_and_not_after_the_last(make: MakeApp) -> None:
    moments: list[float] = []

    def handler(_context: Context, _data: object, _row: Row) -> object:
        moments.append(time.monotonic())
        return ok()

    run = run_batch(make(handler), batch(numbered(3), pause_ms=50))
    ended = time.monotonic()
    assert moments[1] - moments[0] >= 0.05
    assert moments[2] - moments[1] >= 0.05
    assert ended - moments[2] < 0.05
    assert run.run.worked_s < 0.05


@both
def test_a_row_that_its_verifier_refuses_is_not_paused_for(make: MakeApp) -> None:
    """Seed: the worker waits after a task's function has been called."""
    app = make(echo)
    app.categories[0].verifier("a")(lambda cell: cell == "3")
    started = time.monotonic()
    run = run_batch(app, batch(numbered(3), pause_ms=60_000))
    assert run.run.done == 3
    assert time.monotonic() - started < 30


async def test_a_sync_handler_does_not_hold_up_the_event_loop() -> None:
    release = threading.Event()

    def handler(_context: Context, _data: object, _row: Row) -> object:
        assert release.wait(30)
        return ok()

    running = asyncio.create_task(batch_run(csv_app(handler), batch(numbered(1))).execute())
    await asyncio.sleep(0)
    release.set()  # reached only if the loop runs on
    await running


async def test_async_handlers_that_never_wait_let_others_run_between_their_rows() -> None:
    async def handler(_context: Context, _data: object, _row: Row) -> object:
        time.sleep(0.003)  # noqa: ASYNC251  (a handler that holds up the loop)
        return ok()

    run = batch_run(csv_app(handler), batch(numbered(30)))
    running = asyncio.create_task(run.execute())
    turns = set[int]()
    while not running.done():
        await asyncio.sleep(0)
        turns.add(run.run.done)
    assert len(turns) > 3
