"""A batch is run row by row, top to bottom, and says what came of each row."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks_bindings import INIT, STOP, App, Context, Row, error, file, ok, row, rows, text
from tasks_bindings.sdk.encoding import MAX_REPLY_BYTES, MAX_RETURN_BYTES
from tests.unit.bindings.support import (
    ACCOUNT,
    TASK,
    batch,
    batch_run,
    csv_app,
    noinput_app,
    numbered,
    run_batch,
)

Crash = Callable[[], object]


def sync_app(function: Callable[[Context, Any, Row], object], **metadata: Any) -> App:
    return csv_app(function, **metadata)


def async_app(function: Callable[[Context, Any, Row], object], **metadata: Any) -> App:
    async def handler(context: Context, data: object, args: Row) -> object:
        await asyncio.sleep(0)
        return function(context, data, args)

    return csv_app(handler, **metadata)


def awaitable_app(function: Callable[[Context, Any, Row], object], **metadata: Any) -> App:
    """A plain function that returns something to await."""

    async def answer(context: Context, data: object, args: Row) -> object:
        return function(context, data, args)

    def handler(context: Context, data: object, args: Row) -> object:
        return answer(context, data, args)

    return csv_app(handler, **metadata)


both = pytest.mark.parametrize("make", [sync_app, async_app, awaitable_app])
MakeApp = Callable[..., App]


def echo(_context: Context, _data: object, args: Row) -> object:
    return row([args["a"]])


@both
def test_rows_are_run_one_by_one_from_top_to_bottom(make: MakeApp) -> None:
    run = run_batch(make(echo), batch(numbered(100)))
    assert run.run.returns == [{"row": [str(index)]} for index in range(1, 101)]
    assert not run.run.ended


@both
def test_a_handler_is_told_its_task_and_the_number_of_the_row(make: MakeApp) -> None:
    seen: list[Context] = []

    def handler(context: Context, _data: object, _row: Row) -> object:
        seen.append(context)
        return ok()

    run_batch(make(handler), batch(numbered(2), first_row=11, auth_account_id="b" * 32))
    assert seen == [
        Context(ACCOUNT, "b" * 32, TASK, "cat", "act", number, maybe_repeated=False)
        for number in (11, 12)
    ]
    assert [context.key for context in seen] == [f"{TASK}:11", f"{TASK}:12"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"attempt": 2}, {}), ({"epoch": 2}, {}), ({}, {"redelivered": True})],
)
def test_a_handler_is_told_that_its_row_may_have_been_run_before(
    changes: dict[str, int], told: dict[str, bool]
) -> None:
    seen: list[bool] = []

    def handler(context: Context, _data: object, _row: Row) -> object:
        seen.append(context.maybe_repeated)
        return ok()

    run_batch(csv_app(handler), batch(numbered(1), **changes), **told)
    assert seen == [True]


@both
def test_data_is_handed_from_row_to_row(make: MakeApp) -> None:
    seen: list[object] = []

    def handler(_context: Context, data: Any, args: Row) -> object:
        seen.append(data)
        match args["a"]:
            case "2":
                return ok()  # keeps it
            case "3":
                return error("why", "c")
            case "4":
                return {"x": "y"}
            case _:
                return ok("a" if data is INIT else data + "d")

    run = run_batch(make(handler), batch(numbered(6)))
    assert seen == [INIT, "a", "a", "c", "c", "cd"]
    assert run.run.data == "cdd"
    assert ["next" in one for one in run.run.returns] == [True, False, True, False, True, True]


def test_data_of_the_batch_before_is_what_the_first_row_is_given() -> None:
    seen: list[object] = []

    def handler(_context: Context, data: object, _row: Row) -> object:
        seen.append(data)
        return ok()

    run_batch(csv_app(handler), batch(numbered(1), data='{"n":[1,null]}'))
    assert seen == [{"n": [1, None]}]


@both
def test_a_crash_ends_the_task_after_its_row(make: MakeApp) -> None:
    def handler(_context: Context, data: Any, args: Row) -> object:
        if args["a"] == "2":
            raise LookupError("no such thing")
        return ok(args["a"])

    run = run_batch(make(handler), batch(numbered(3)))
    assert run.run.returns == [
        {"ok": True, "next": "data"},
        {"crash": {"type": "LookupError", "message": "no such thing"}},
    ]
    assert run.run.ended
    assert run.run.data == "1"


@both
def test_an_action_may_go_on_after_a_crash_with_the_data_from_before_it(make: MakeApp) -> None:
    seen: list[object] = []

    def handler(_context: Context, data: object, args: Row) -> object:
        seen.append(data)
        if args["a"] == "2":
            raise LookupError("no such thing")
        return ok(args["a"])

    run = run_batch(make(handler, on_crash="continue"), batch(numbered(3)))
    assert [*run.run.returns[1]] == ["crash"]
    assert seen == [INIT, "1", "1"]
    assert not run.run.ended


def leave() -> object:
    raise SystemExit(3)


def be_cancelled() -> object:
    raise asyncio.CancelledError


def end_the_iteration() -> object:
    raise StopIteration


@both
@pytest.mark.parametrize("crash", [leave, be_cancelled, end_the_iteration])
def test_a_handler_that_exits_or_cancels_itself_has_crashed_and_the_process_goes_on(
    make: MakeApp, crash: Crash
) -> None:
    run = run_batch(make(lambda _context, _data, _row: crash()), batch(numbered(1)))
    assert [*run.run.returns[0]] == ["crash"]
    assert run.run.ended


async def test_a_run_that_is_cancelled_from_outside_is_cancelled() -> None:
    started = asyncio.Event()

    async def handler(_context: Context, _data: object, _row: Row) -> object:
        started.set()
        await asyncio.Event().wait()
        return ok()

    running = asyncio.create_task(batch_run(csv_app(handler), batch(numbered(2))).execute())
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@both
@pytest.mark.parametrize("value", [None, 42, (), {"a", "b"}])
def test_a_return_that_no_rule_covers_is_a_crash(make: MakeApp, value: object) -> None:
    run = run_batch(make(lambda _context, _data, _row: value), batch(numbered(2)))
    assert [one["crash"]["type"] for one in run.run.returns] == ["BadReturn"]


@both
def test_stop_ends_the_task_without_counting_its_row(make: MakeApp) -> None:
    run = run_batch(
        make(lambda _context, _data, args: STOP if args["a"] == "2" else ok()), batch(numbered(3))
    )
    assert run.run.returns == [{"ok": True}, {"stop": True}]
    assert run.run.ended


@both
@pytest.mark.parametrize("value", [row(["x"], STOP), (["x"], STOP)])
def test_stop_as_data_ends_the_task_after_its_return(make: MakeApp, value: object) -> None:
    run = run_batch(make(lambda _context, _data, _row: value), batch(numbered(3), data="7"))
    assert run.run.returns == [{"row": ["x"], "next": "stop"}]
    assert run.run.ended
    assert run.run.data == 7


def test_a_task_without_input_is_called_as_often_as_asked() -> None:
    seen: list[tuple[int, object]] = []

    def handler(context: Context, data: Any) -> object:
        count = 0 if data is INIT else data
        seen.append((context.row_number, data))
        return text(f"line {count}", count + 1)

    run = run_batch(noinput_app(handler), batch(calls=3, first_row=5))
    assert seen == [(5, INIT), (6, 1), (7, 2)]
    assert run.run.returns[-1] == {"text": "line 2", "next": "data"}


def test_a_file_ends_a_task_without_input() -> None:
    run = run_batch(noinput_app(lambda _context, _data: file("/x")), batch(calls=3))
    assert run.run.returns == [{"file": "/x"}]
    assert run.run.ended


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


@both
def test_after_its_time_a_batch_answers_with_the_rows_that_it_has_run(make: MakeApp) -> None:
    def handler(_context: Context, _data: object, _row: Row) -> object:
        time.sleep(0.03)
        return ok()

    run = run_batch(make(handler), batch(numbered(50), work_ms=50))
    assert 1 <= run.run.done < 5
    assert not run.run.ended


@both
def test_one_row_is_run_however_short_the_time(make: MakeApp) -> None:
    def handler(_context: Context, _data: object, _row: Row) -> object:
        time.sleep(0.02)
        return ok()

    assert run_batch(make(handler), batch(numbered(3), work_ms=1)).run.done == 1


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


def test_a_stateless_action_that_hands_on_data_has_crashed() -> None:
    app = csv_app(lambda _context, _data, _row: ok(1), stateless=True)
    run = run_batch(app, batch(numbered(2)))
    assert [one["crash"]["type"] for one in run.run.returns] == ["BadReturn"]
    assert run.run.data is INIT


def test_a_stateless_action_may_stop() -> None:
    app = csv_app(lambda _context, _data, _row: ok(STOP), stateless=True)
    assert run_batch(app, batch(numbered(2))).run.returns == [{"ok": True, "next": "stop"}]


def test_a_cell_that_cannot_be_json_is_a_crash_of_its_row() -> None:
    app = csv_app(lambda _context, _data, args: [args["a"] if args["a"] != "2" else 1j])
    run = run_batch(app, batch(numbered(2)))
    assert run.run.returns[0] == {"row": ["1"]}
    assert run.run.returns[1]["crash"]["type"] == "BadReturn"
    assert run.run.ended


def test_a_batch_ends_before_its_reply_is_too_large() -> None:
    page = [["x" * 1000, "y"]] * 100
    run = run_batch(noinput_app(lambda _context, _data: rows(page, 1)), batch(calls=100))
    encoded = run.encode()
    assert len(encoded) > MAX_REPLY_BYTES
    assert len(encoded) < MAX_REPLY_BYTES + 2 * 101_000
    assert 1 < run.run.done < 100
    assert not run.run.ended


def test_wide_rows_end_a_batch_too() -> None:
    app = csv_app(lambda _context, _data, _row: row(["x" * 100_000]))
    run = run_batch(app, batch(numbered(1000)))
    assert MAX_REPLY_BYTES < len(run.encode()) < MAX_REPLY_BYTES + 300_000


def test_a_single_return_that_no_message_could_hold_is_a_crash() -> None:
    page = [["x" * 1000]] * (MAX_RETURN_BYTES // 1000)
    run = run_batch(noinput_app(lambda _context, _data: rows(page, 1)), batch(calls=2))
    [returned] = run.run.returns
    assert "fewer rows" in returned["crash"]["message"]
    assert run.run.ended
