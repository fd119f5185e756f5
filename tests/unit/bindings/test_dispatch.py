"""What one instance answers to requests, whoever asks and however often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tasks_bindings import Context, Row, ok, row
from tasks_bindings.errors import BusUnavailable
from tasks_bindings.sdk import dispatch
from tasks_bindings.sdk.dispatch import Dispatcher
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import (
    MAX_DATA_BYTES,
    Batch,
    BatchReply,
    Cancel,
    Progress,
)
from tests.unit.bindings.support import IDENTITY, TASK, batch, csv_app, numbered


class Counting:
    """A handler that counts its calls and, if told to, waits."""

    def __init__(self) -> None:
        self.calls = 0
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, _context: Context, _data: object, args: Row) -> object:
        self.calls += 1
        self.entered.set()
        await self.go_on.wait()
        return ok(args["a"])


async def handle(context: Context, data: object, args: Row) -> object:
    return ok(args["a"])


def counted() -> tuple[Counting, Dispatcher]:
    counting = Counting()

    async def handler(context: Context, data: object, args: Row) -> object:
        return await counting(context, data, args)

    return counting, Dispatcher(csv_app(handler), IDENTITY)


def dispatcher(handler: Callable[..., Any] = handle, **metadata: Any) -> Dispatcher:
    return Dispatcher(csv_app(handler, **metadata), IDENTITY)


async def ask(asked: Dispatcher, one: Batch) -> BatchReply:
    return codec.decode(await asked.batch(one), BatchReply)


async def refusal(asked: Dispatcher, one: Batch) -> str:
    with pytest.raises(RequestRefused) as refused:
        await ask(asked, one)
    return refused.value.refusal.code


async def test_a_reply_says_which_batch_it_answers_and_who_ran_it() -> None:
    one = batch(numbered(2), epoch=3, seq=7, attempt=2, hash="abc")
    answer = await ask(dispatcher(), one)
    assert (answer.task_id, answer.epoch, answer.seq, answer.attempt, answer.hash) == (
        TASK, 3, 7, 2, "abc",
    )  # fmt: skip
    assert answer.app == IDENTITY
    assert answer.returns == [{"ok": True, "next": "data"}] * 2
    assert answer.data == '"2"'


async def test_a_batch_that_was_answered_is_answered_again_and_not_run_again() -> None:
    counting, asked = counted()
    first = await ask(asked, batch(numbered(2)))
    again = await ask(asked, batch(numbered(2), attempt=2, epoch=2))
    assert counting.calls == 2
    assert (again.attempt, again.epoch) == (2, 2)
    assert (again.returns, again.data) == (first.returns, first.data)


async def test_a_repeated_request_joins_the_run_that_is_going_on() -> None:
    counting, asked = counted()
    counting.go_on.clear()
    first = asyncio.create_task(ask(asked, batch(numbered(1))))
    await counting.entered.wait()
    second = asyncio.create_task(ask(asked, batch(numbered(1), attempt=2)))
    await asyncio.sleep(0)
    assert asked.running == 1
    counting.go_on.set()
    assert (await first).returns == (await second).returns
    assert counting.calls == 1
    assert asked.running == 0


async def test_a_requester_that_goes_away_does_not_end_the_run_that_another_waits_for() -> None:
    counting, asked = counted()
    counting.go_on.clear()
    first = asyncio.create_task(ask(asked, batch(numbered(1))))
    await counting.entered.wait()
    second = asyncio.create_task(ask(asked, batch(numbered(1), attempt=2)))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    counting.go_on.set()
    assert len((await second).returns) == 1
    assert counting.calls == 1


@pytest.mark.parametrize("steps", range(12))
async def test_there_is_no_moment_after_a_run_in_which_it_is_run_again(steps: int) -> None:
    counting, asked = counted()
    counting.go_on.clear()
    first = asyncio.create_task(ask(asked, batch(numbered(1))))
    await counting.entered.wait()
    counting.go_on.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    again = await ask(asked, batch(numbered(1), attempt=2))
    assert (await first).returns == again.returns
    assert counting.calls == 1


async def test_a_run_whose_only_requester_went_away_is_not_run_again() -> None:
    counting, asked = counted()
    counting.go_on.clear()
    first = asyncio.create_task(ask(asked, batch(numbered(1))))
    await counting.entered.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    counting.go_on.set()
    for _ in range(12):
        await asyncio.sleep(0)
    assert asked.running == 0
    assert len((await ask(asked, batch(numbered(1), attempt=2))).returns) == 1
    assert counting.calls == 1


async def test_of_requests_that_the_run_does_not_answer_one_is_run_and_the_others_join() -> None:
    counting, asked = counted()
    counting.go_on.clear()
    first = asyncio.create_task(ask(asked, batch(numbered(5), hash="long")))
    await counting.entered.wait()
    shorter = [
        asyncio.create_task(ask(asked, batch(numbered(2), hash="short", epoch=2))) for _ in range(3)
    ]
    await asyncio.sleep(0)
    counting.go_on.set()
    answers = await asyncio.gather(first, *shorter)
    assert [len(one.returns) for one in answers] == [5, 2, 2, 2]
    assert counting.calls == 5 + 2


async def test_a_longer_request_for_the_same_work_is_answered_with_what_was_run() -> None:
    """Who takes a task over does not know how the batch that is out was cut."""
    counting, asked = counted()
    first = await ask(asked, batch(numbered(2), hash="short"))
    longer = await ask(asked, batch(numbered(5), hash="long", epoch=2))
    assert counting.calls == 2
    assert (longer.hash, longer.returns, longer.data) == ("long", first.returns, first.data)


async def test_a_longer_request_joins_the_run_of_a_shorter_one() -> None:
    counting, asked = counted()
    counting.go_on.clear()
    first = asyncio.create_task(ask(asked, batch(numbered(2), hash="short")))
    await counting.entered.wait()
    longer = asyncio.create_task(ask(asked, batch(numbered(5), hash="long", epoch=2)))
    await asyncio.sleep(0)
    counting.go_on.set()
    assert (await first).returns == (await longer).returns
    assert counting.calls == 2


async def test_a_shorter_request_is_run_as_data_after_its_last_row_is_not_known() -> None:
    counting, asked = counted()
    counting.go_on.clear()
    first = asyncio.create_task(ask(asked, batch(numbered(5), hash="long")))
    await counting.entered.wait()
    shorter = asyncio.create_task(ask(asked, batch(numbered(2), hash="short", epoch=2)))
    await asyncio.sleep(0)
    counting.go_on.set()
    assert (len((await first).returns), len((await shorter).returns)) == (5, 2)
    assert counting.calls == 7
    assert (await shorter).data == '"2"'


async def test_a_batch_that_nobody_waits_for_is_not_run() -> None:
    counting, asked = counted()

    async def gone(_progress: Progress) -> None:
        raise RequestRefused("requester_gone", "nobody")

    with pytest.raises(RequestRefused, match="nobody"):
        async with asked.turn(batch(numbered(1)), gone):
            pytest.fail("it has its turn")
    assert (counting.calls, asked.running) == (0, 0)


async def test_while_it_is_not_known_whether_anybody_waits_a_batch_is_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatch, "WANTED_S", 0.01)
    counting, asked = counted()

    async def slow(_progress: Progress) -> None:
        await asyncio.Event().wait()

    async def away(_progress: Progress) -> None:
        raise BusUnavailable("no session")

    for seq, send in enumerate((slow, away)):
        one = batch(numbered(1), seq=seq)
        async with asked.turn(one, send):
            await asked.batch(one)
    assert counting.calls == 2


@pytest.mark.parametrize("changes", [{"first_row": 2}, {"seq": 2}, {"task_id": "other"}])
async def test_other_rows_another_place_and_another_task_are_other_work(
    changes: dict[str, Any],
) -> None:
    counting, asked = counted()
    await ask(asked, batch(numbered(1)))
    await ask(asked, batch(numbered(1), **changes))
    assert counting.calls == 2


async def test_an_owner_from_the_past_is_refused() -> None:
    counting, asked = counted()
    await ask(asked, batch(numbered(1), epoch=2))
    assert await refusal(asked, batch(numbered(1), epoch=1)) == "stale_epoch"
    assert await refusal(asked, batch(numbered(1), epoch=1, seq=9)) == "stale_epoch"
    await ask(asked, batch(numbered(1), epoch=1, task_id="other"))
    await ask(asked, batch(numbered(1), epoch=2, seq=2))
    assert counting.calls == 3


async def test_epochs_of_the_oldest_tasks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MAX_TASKS_SEEN", 2)
    asked = dispatcher()
    for task in ("t1", "t2", "t1", "t3"):
        await ask(asked, batch(numbered(1), task_id=task, epoch=2))
    assert await refusal(asked, batch(numbered(1), task_id="t1")) == "stale_epoch"
    await ask(asked, batch(numbered(1), task_id="t2"))  # the one not seen for longest


@pytest.mark.parametrize("changes", [{"action": "other"}, {"category": "other"}])
async def test_an_action_that_the_app_has_not_is_refused(changes: dict[str, str]) -> None:
    assert await refusal(dispatcher(), batch(numbered(1), **changes)) == "unknown_action"


@pytest.mark.parametrize(
    ("data", "limit", "code"),
    [
        ("x" * MAX_DATA_BYTES, {}, "state_too_large"),
        ("x" * 100, {"max_data_bytes": 100}, "state_too_large"),
        (object(), {}, "bad_return"),
    ],
)
async def test_data_that_cannot_travel_is_a_fault_beside_the_rows_that_were_run(
    data: object, limit: dict[str, int], code: str
) -> None:
    asked = dispatcher(lambda _context, _data, _row: ok(data))
    reply = await ask(asked, batch(numbered(2), data="7", **limit))
    assert reply.returns == [{"ok": True, "next": "data"}] * 2
    assert reply.data is None
    assert reply.fault is not None
    assert reply.fault.code == code


async def test_data_within_the_limit_is_no_fault() -> None:
    asked = dispatcher(lambda _context, _data, _row: ok("x" * 98))
    reply = await ask(asked, batch(numbered(1), max_data_bytes=100))
    assert (reply.data, reply.fault) == ('"' + "x" * 98 + '"', None)


async def test_data_that_does_not_fit_is_refused_before_a_row_is_run() -> None:
    counting = Counting()
    asked = Dispatcher(csv_app(counting, data_type=int), IDENTITY)
    assert await refusal(asked, batch(numbered(1), data='"text"')) == "bad_return"
    assert counting.calls == 0


async def test_a_cancel_ends_the_batch_that_it_names_and_no_other() -> None:
    counting, asked = counted()
    counting.go_on.clear()
    running = asyncio.create_task(ask(asked, batch(numbered(3), epoch=2)))
    await counting.entered.wait()
    asked.cancel(Cancel(task_id=TASK, epoch=2, seq=2))
    asked.cancel(Cancel(task_id="other", epoch=2, seq=1))
    asked.cancel(Cancel(task_id=TASK, epoch=1, seq=1))  # an owner from the past
    counting.go_on.set()
    assert len((await running).returns) == 3

    counting.entered.clear()
    counting.go_on.clear()
    running = asyncio.create_task(ask(asked, batch(numbered(3), epoch=2, seq=2)))
    await counting.entered.wait()
    asked.cancel(Cancel(task_id=TASK, epoch=2, seq=2))
    counting.go_on.set()
    assert len((await running).returns) == 1


async def test_a_cancel_ends_runs_of_the_same_place_with_other_rows_too() -> None:
    """A new owner may have built on another record while the old one's batch still runs."""
    counting, asked = counted()
    counting.go_on.clear()
    running = []
    for first_row in (2, 3):
        counting.entered.clear()
        one = batch(numbered(3), first_row=first_row)
        running.append(asyncio.create_task(ask(asked, one)))
        await counting.entered.wait()
    asked.cancel(Cancel(task_id=TASK, epoch=1, seq=1))
    counting.go_on.set()
    assert [len((await one).returns) for one in running] == [1, 1]


async def test_while_a_batch_runs_its_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "PROGRESS_INTERVAL_S", 0.01)
    told: asyncio.Queue[Progress] = asyncio.Queue()
    counting, asked = counted()
    counting.go_on.clear()

    async def run() -> None:
        one = batch(numbered(1), attempt=2)
        async with asked.turn(one, told.put):
            await asked.batch(one)

    running = asyncio.create_task(run())
    progress = await told.get()
    assert (progress.task_id, progress.seq, progress.attempt, progress.done) == (TASK, 1, 2, 0)
    await told.get()
    counting.go_on.set()
    await running
    while not told.empty():
        told.get_nowait()
    await asyncio.sleep(0.05)
    assert told.empty()  # none after the reply


async def test_a_batch_that_runs_alone_says_so_before_its_first_row() -> None:
    told: asyncio.Queue[Progress] = asyncio.Queue()
    counting, asked = counted()
    one = batch(numbered(1)).model_copy(update={"alone": True})
    async with asked.turn(one, told.put):
        told.get_nowait()  # that it is there at all
        progress = told.get_nowait()
        assert (progress.alone, progress.done, counting.entered.is_set()) == (True, 0, False)


async def test_a_batch_that_waits_for_one_that_runs_alone_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks_bindings.sdk.dispatch.PROGRESS_INTERVAL_S", 0.01)
    told: asyncio.Queue[Progress] = asyncio.Queue()
    _, asked = counted()

    async def ignore(_progress: Progress) -> None: ...

    async def wait() -> None:
        async with asked.turn(batch(numbered(2)), told.put):
            while (await told.get()).waits:
                pass

    alone = batch(numbered(1)).model_copy(update={"alone": True})
    async with asked.turn(alone, ignore):
        waiting = asyncio.create_task(wait())
        while not (await told.get()).waits:
            pass
    await asyncio.wait_for(waiting, 5)


async def test_a_reply_is_plain_json() -> None:
    asked = dispatcher(lambda _context, _data, args: row({"x": args["a"], "n": 1.5, "b": True}))
    reply = orjson.loads(await asked.batch(batch(numbered(1))))
    assert reply["returns"] == [{"row": {"x": "1", "n": 1.5, "b": True}}]
    assert reply["v"] == codec.VERSION
