"""Whatever an app answers beside the reply that is waited for changes nothing."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from kztasks.domain.status import TaskStatus
from tasks_bindings.wire.messages import MessageType
from tests.integration.scheduler.adding import sums
from tests.integration.scheduler.fake_app import FakeApp, Request, Script
from tests.integration.scheduler.kit import Engine, eventually, numbers

pytestmark = pytest.mark.store

ROWS = 300
TOO_LARGE = b'{"v":1,"returns":"' + b"x" * (5 * 1024 * 1024) + b'"}'

Serve = Callable[[Script], Awaitable[None]]
Bad = Callable[[Request], dict[str, Any] | bytes]

BAD_REPLIES: dict[str, Bad] = {
    "of another task": lambda request: request.lie(task_id="0" * 30),
    "of another owner": lambda request: request.lie(epoch=request.batch.epoch + 1),
    "of the batch before": lambda request: request.lie(seq=request.batch.seq - 1),
    "of the batch after": lambda request: request.lie(seq=request.batch.seq + 1),
    "to other rows or data": lambda request: request.lie(hash="0" * 64),
    "with a return too many": lambda request: request.lie(
        returns=[*request.answer()["returns"], {"row": {"sum": "wrong"}}]
    ),
    "with returns that are no objects": lambda request: request.lie(returns=["wrong"]),
    "with no list of returns": lambda request: request.lie(returns={"row": []}),
    "without a field": lambda request: {
        key: value for key, value in request.lie().items() if key != "hash"
    },
    "with a seq that is a string": lambda request: request.lie(seq=str(request.batch.seq)),
    "with data that is no text": lambda request: request.lie(data={"sum": 1}),
    "that took for ever": lambda request: json.dumps(request.lie(elapsed_ms=math.inf)).encode(),
    "of a version to come": lambda request: request.lie(v=2),
    "that is a list": lambda _: b"[]",
    "that is not JSON": lambda _: b"\xff\x00 not JSON {",
    "that is empty": lambda _: b"",
    "that is too large": lambda _: TOO_LARGE,
}


@pytest.fixture
async def serve(engine: Engine) -> AsyncIterator[Serve]:
    """Starts a scheduler and an app that follows a script."""
    apps: list[FakeApp] = []

    async def serve(script: Script) -> None:
        app = FakeApp(await engine.bus("fake"), script)
        apps.append(app)
        await app.start()
        await engine.scheduler(silence_s=0.3)

    yield serve
    for app in apps:
        await app.stop()


async def came_out_exact(engine: Engine) -> None:
    task, output = await engine.run("add", numbers(ROWS))

    assert output == sums(ROWS)
    assert (task.status, task.succeeded, task.failed) == (TaskStatus.SUCCESS, ROWS, 0)


@pytest.mark.parametrize("bad", BAD_REPLIES.values(), ids=BAD_REPLIES)
async def test_a_reply_is_ignored(engine: Engine, serve: Serve, bad: Bad) -> None:
    async def script(request: Request) -> None:
        await request.reply(bad(request))
        await request.reply(request.answer())

    await serve(script)
    await came_out_exact(engine)


async def test_of_two_replies_the_first_counts(engine: Engine, serve: Serve) -> None:
    async def script(request: Request) -> None:
        await request.reply(request.answer())
        await request.reply(request.answer())
        await request.reply(request.lie())

    await serve(script)
    await came_out_exact(engine)
    assert engine.schedulers[0].bus.health.late_replies > 0


async def test_a_reply_that_comes_after_the_next_attempt_is_ignored(
    engine: Engine, serve: Serve
) -> None:
    late: dict[int, Request] = {}

    async def script(request: Request) -> None:
        batch = request.batch
        if batch.attempt == 1 and batch.seq % 3 == 0:
            late[batch.seq] = request
            return
        await request.reply(request.answer())
        for one in late.values():
            await one.reply(one.lie())

    await serve(script)
    await came_out_exact(engine)
    assert engine.schedulers[0].bus.health.late_replies >= len(late) > 0


@pytest.mark.parametrize("kind", ["progress", "refused", "dead", "batch", "", "nonsense"])
@pytest.mark.parametrize("body", [b"", b"[]", b'{"v": 1}', b"not JSON"])
async def test_a_message_that_makes_no_sense_is_ignored(
    engine: Engine, serve: Serve, kind: str, body: bytes
) -> None:
    async def script(request: Request) -> None:
        await request.reply(body, kind)
        await request.reply(request.answer())

    await serve(script)
    await came_out_exact(engine)


async def test_a_reply_without_returns_runs_the_batch_again(engine: Engine, serve: Serve) -> None:
    async def script(request: Request) -> None:
        seen = request.batch.seq in answered
        answered.add(request.batch.seq)
        await request.reply(request.answer() if seen else request.lie(returns=[]))

    answered: set[int] = set()
    await serve(script)
    await came_out_exact(engine)


async def test_a_reply_to_the_first_rows_alone_leaves_the_others_for_the_next_batch(
    engine: Engine, serve: Serve
) -> None:
    async def script(request: Request) -> None:
        whole = request.answer()["returns"]
        part = whole[: max(1, len(whole) // 3)]
        await request.reply(request.answer(returns=part, data=str(part[-1]["row"]["sum"])))

    await serve(script)
    await came_out_exact(engine)


async def test_progress_of_another_batch_is_no_sign_of_life(engine: Engine, serve: Serve) -> None:
    async def script(request: Request) -> None:
        if request.batch.attempt > 1:
            await request.reply(request.answer())
            return
        batch = request.batch
        progress = {
            "v": 1,
            "task_id": batch.task_id,
            "epoch": batch.epoch,
            "seq": batch.seq + 1,
            "attempt": 1,
            "app": request.answer()["app"],
            "done": 1,
        }
        for _ in range(300):
            await request.reply(progress, MessageType.PROGRESS)
            await asyncio.sleep(0.1)

    await serve(script)
    task_id = await engine.submit("add", numbers(3))
    await engine.schedulers[0].start(task_id)

    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert await engine.output(task_id) == sums(3)


async def test_a_row_that_takes_for_ever_ends_its_task(engine: Engine, serve: Serve) -> None:
    """Its app says that it lives, and never that the next row is done."""
    stopped = asyncio.Event()

    async def script(request: Request) -> None:
        batch = request.batch
        progress = {
            key: value
            for key, value in request.answer().items()
            if key not in {"returns", "data", "hash", "elapsed_ms"}
        }
        for _ in range(200):
            await request.reply({**progress, "done": 2}, MessageType.PROGRESS)
            if stopped.is_set():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{batch.seq} was waited for")

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    scheduler = await engine.scheduler(silence_s=0.5, row_timeout_s=0.3)
    task_id = await engine.submit("add", numbers(3))
    await scheduler.start(task_id)
    task = await engine.ended(task_id)
    stopped.set()
    await app.stop()

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason == "one row has been running for over 0.3 s"
    assert await engine.output(task_id) == sums(0).replace(b'"n","sum"', b'"n","sum","error"')


async def test_a_batch_that_nobody_took_in_time_is_not_run_later(engine: Engine) -> None:
    attempts: list[int] = []

    async def script(request: Request) -> None:
        if request.batch.seq == 1:
            await app.take_no_work()
        elif request.batch.seq == 2:
            attempts.append(request.batch.attempt)
        await request.reply(request.answer())

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    scheduler = await engine.scheduler(silence_s=0.2)
    task_id = await engine.submit("add", numbers(ROWS))
    with capture_logs() as logged:
        await scheduler.start(task_id)
        await eventually(lambda: [one["event"] for one in logged].count("batch_not_answered") == 2)
        await app.take_work()
        assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    await app.stop()

    assert attempts == [3]
    assert await engine.output(task_id) == sums(ROWS)


async def test_a_batch_that_its_app_cannot_even_read_ends_the_task(
    engine: Engine, serve: Serve
) -> None:
    async def script(request: Request) -> None:
        if request.batch.first_row > 1:
            raise ValueError("what is this?")
        await request.reply(request.answer())

    await serve(script)
    task, output = await engine.run("add", numbers(ROWS))

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason == "the app could not read the batch, or not answer it"
    assert output == sums(task.succeeded or 0)


async def test_an_app_that_refuses_an_action_is_asked_again(engine: Engine, serve: Serve) -> None:
    """It is about to announce that it has another version."""

    async def script(request: Request) -> None:
        if request.batch.attempt == 1:
            body = {"v": 1, "code": "unknown_action", "message": "not me"}
            await request.reply(body, MessageType.REFUSED)
        else:
            await request.reply(request.answer())

    await serve(script)
    await came_out_exact(engine)


async def test_a_refusal_that_will_not_change_ends_the_task_and_says_why(
    engine: Engine, serve: Serve
) -> None:
    async def script(request: Request) -> None:
        if request.batch.first_row > 1:
            body = {"v": 1, "code": "state_too_large", "message": "Data is 300000 bytes"}
            await request.reply(body, MessageType.REFUSED)
        else:
            await request.reply(request.answer())

    await serve(script)
    task, output = await engine.run("add", numbers(ROWS))

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert task.reason == "state_too_large: Data is 300000 bytes"
    assert output == sums(task.succeeded or 0)


async def test_a_batch_that_waits_behind_others_is_no_row_that_takes_for_ever(
    engine: Engine,
) -> None:
    """It is sent again after as long, as another process may have room for it."""
    taken = 0

    async def script(request: Request) -> None:
        nonlocal taken
        taken += 1
        if taken > 1:
            await request.reply(request.answer())
            return
        progress = {
            key: value
            for key, value in request.answer().items()
            if key not in {"returns", "data", "hash", "elapsed_ms"}
        }
        while taken == 1:
            await request.reply({**progress, "done": 0, "waits": True}, MessageType.PROGRESS)
            await asyncio.sleep(0.05)

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    await engine.scheduler(silence_s=0.5, row_timeout_s=0.3)
    await came_out_exact(engine)
    await app.stop()


async def test_what_a_process_did_with_a_row_before_it_died_is_not_the_time_of_the_next(
    engine: Engine,
) -> None:
    """The broker hands the batch on by itself, so to the scheduler it is one and the same."""

    async def script(request: Request) -> None:
        progress = {
            key: value
            for key, value in request.answer().items()
            if key not in {"returns", "data", "hash", "elapsed_ms"}
        }
        for number in range(8):
            identity = {"name": "fake", "instance": str(number), "version": "1"}
            await request.reply({**progress, "done": 0, "app": identity}, MessageType.PROGRESS)
            await asyncio.sleep(0.1)
        await request.reply(request.answer())

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    scheduler = await engine.scheduler(silence_s=0.5, row_timeout_s=0.3)
    task_id = await engine.submit("add", numbers(3))
    await scheduler.start(task_id)
    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    await app.stop()
