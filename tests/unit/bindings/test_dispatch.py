"""What one instance answers to requests, whoever asks and however often."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tasks_bindings import INIT, STOP, App, Category, Context, Replace, Row, Trigger, ok, row
from tasks_bindings.sdk import dispatch
from tasks_bindings.sdk.data import MAX_DATA_BYTES
from tasks_bindings.sdk.dispatch import Dispatcher, RequestRefused
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import (
    Batch,
    BatchReply,
    Call,
    CallReply,
    Cancel,
    CrashReport,
    Progress,
)
from tests.unit.bindings.support import IDENTITY, TASK, batch, csv_app, noinput_app, numbered


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


async def no_progress(_progress: Progress) -> None:
    raise AssertionError("nobody asked for progress")


async def ask(asked: Dispatcher, one: Batch) -> BatchReply:
    return codec.decode(await asked.batch(one, no_progress), BatchReply)


async def refusal(asked: Dispatcher, one: Batch) -> str:
    with pytest.raises(RequestRefused) as refused:
        await ask(asked, one)
    return refused.value.refusal.code


async def call(asked: Dispatcher, key: str, *args: Any, fold: bool = False) -> list[Any]:
    """Values of the responders, or the type of their crash."""
    body = await asked.call(Call(key=key, args=args, fold=fold))
    results = codec.decode(body, CallReply).results
    return [one.crash.type if one.crash is not None else one.value for one in results]


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


@pytest.mark.parametrize("changes", [{"hash": "other"}, {"seq": 2}, {"task_id": "other"}])
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


async def test_data_that_cannot_travel_is_refused() -> None:
    large = dispatcher(lambda _context, _data, _row: ok("x" * MAX_DATA_BYTES))
    assert await refusal(large, batch(numbered(1))) == "state_too_large"
    strange = dispatcher(lambda _context, _data, _row: ok(object()))
    assert await refusal(strange, batch(numbered(1))) == "bad_return"


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
    """A new owner may have cut the batch in another way while the old one's still runs."""
    counting, asked = counted()
    counting.go_on.clear()
    running = []
    for count in (2, 3):
        counting.entered.clear()
        one = batch(numbered(count), hash=str(count))
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
    running = asyncio.create_task(asked.batch(batch(numbered(1), attempt=2), told.put))
    progress = await told.get()
    assert (progress.task_id, progress.seq, progress.attempt, progress.done) == (TASK, 1, 2, 0)
    await told.get()
    counting.go_on.set()
    await running
    while not told.empty():
        told.get_nowait()
    await asyncio.sleep(0.05)
    assert told.empty()  # none after the reply


def callbacks() -> App:
    category = Category("cat")

    @category.csv_action(
        "act", description="A", optional=["a"], output_header=Replace(["x"]), data_type=list[int]
    )
    def act(_context: Context, _data: object, _row: Row) -> object:
        return ok([1])

    @category.csv_action(
        "named", description="A", optional=["a"], output_header=lambda action: [action]
    )
    def named(_context: Context, _data: object, _row: Row) -> object:
        return ok()

    @category.csv_action("plain", description="A", optional=["a"])
    def plain(_context: Context, _data: object, _row: Row) -> object:
        return ok()

    @act.on_finish
    def finish(action: str, data: object) -> None:
        hooks.append(("finish", action, data))

    @act.on_cleanup
    async def clean(action: str, data: object) -> None:
        hooks.append(("cleanup", action, data))

    category.verifier("digits")(lambda cell: re.match("[0-9]+", cell))
    app = App("sample", category)

    @app.trigger(Trigger.DAY)
    def nightly() -> object:
        return object()

    @app.trigger(Trigger.ACCOUNT)
    def each(database: str) -> None:
        hooks.append(("each", database, None))

    hooks.clear()
    return app


hooks: list[tuple[str, str, object]] = []


async def test_an_output_header_is_told_by_the_name_of_the_action() -> None:
    asked = Dispatcher(callbacks(), IDENTITY)
    key = "tasks.cat.output_header"
    assert await call(asked, key, "act") == [{"replace": ["x"]}]
    assert await call(asked, key, "named") == [{"add": ["named"]}]
    assert await call(asked, key, "plain") == ["LookupError"]
    assert await call(asked, key, "unknown") == ["KeyError"]


async def test_hooks_are_given_the_action_and_the_data_in_its_type() -> None:
    asked = Dispatcher(callbacks(), IDENTITY)
    assert await call(asked, "tasks.cat.finish", "act", "[1,2]") == [None]
    assert await call(asked, "tasks.cat.cleanup", "act", "[1,2]") == [None]
    assert await call(asked, "tasks.cat.cleanup", "plain", None) == [None]
    assert await call(asked, "tasks.cat.finish", "act", '"text"') == ["BadReturn"]
    assert hooks == [("finish", "act", [1, 2]), ("cleanup", "act", [1, 2])]


@pytest.mark.parametrize(("cell", "valid"), [("12", True), ("x", False)])
async def test_a_verifier_answers_true_or_false_whatever_its_function_returns(
    cell: str, *, valid: bool
) -> None:
    assert await call(Dispatcher(callbacks(), IDENTITY), "tasks.cat.digits", cell) == [valid]


async def test_what_a_trigger_returns_is_not_sent() -> None:
    asked = Dispatcher(callbacks(), IDENTITY)
    assert await call(asked, "tasks.triggers.day") == [None]
    assert await call(asked, "tasks.triggers.account", "account/ab") == [None]
    assert hooks == [("each", "account/ab", None)]


async def test_a_call_with_wrong_arguments_is_a_crash() -> None:
    asked = Dispatcher(callbacks(), IDENTITY)
    assert await call(asked, "tasks.triggers.account") == ["TypeError"]


async def test_nobody_bound_gives_no_results() -> None:
    assert await call(Dispatcher(callbacks(), IDENTITY), "tasks.cat.unknown", 1) == []


async def test_a_fold_answers_with_the_last_accumulator() -> None:
    asked = Dispatcher(callbacks(), IDENTITY)
    assert await call(asked, "tasks.cat.digits", "12", fold=True) == [True]
    assert await call(asked, "tasks.cat.digits", fold=True) == ["TypeError"]
    assert await call(asked, "tasks.cat.unknown", "12", fold=True) == ["12"]


@pytest.mark.parametrize("value", [object(), "\ud800"])
async def test_a_result_that_cannot_be_json_is_a_crash_of_its_responder(value: object) -> None:
    category = Category("cat")
    category.csv_action(
        "act",
        description="A",
        optional=["a"],
        output_header=lambda _action: Replace([value]),  # type: ignore[list-item]
    )(handle)
    asked = Dispatcher(App("sample", category), IDENTITY)
    body = await asked.call(Call(key="tasks.cat.output_header", args=("act",)))
    [result] = codec.decode(body, CallReply).results
    assert isinstance(result.crash, CrashReport)


async def test_a_result_that_no_message_could_hold_is_refused() -> None:
    category = Category("cat")
    category.csv_action(
        "act", description="A", optional=["a"], output_header=lambda _action: ["x" * 5_000_000]
    )(handle)
    asked = Dispatcher(App("sample", category), IDENTITY)
    with pytest.raises(RequestRefused) as refused:
        await asked.call(Call(key="tasks.cat.output_header", args=("act",)))
    assert refused.value.refusal.code == "message_too_large"


async def test_what_an_app_offers_is_bound_to_the_seeds_keys() -> None:
    assert callbacks().responders().keys == (
        "tasks.cat.act",
        "tasks.cat.named",
        "tasks.cat.plain",
        "tasks.cat.digits",
        "tasks.cat.output_header",
        "tasks.cat.finish",
        "tasks.cat.cleanup",
        "tasks.triggers.day",
        "tasks.triggers.account",
    )


async def test_callbacks_that_no_action_has_are_not_bound() -> None:
    assert csv_app(handle).responders().keys == ("tasks.cat.act",)
    assert noinput_app(lambda _context, _data: ok(1)).responders().keys == (
        "tasks.cat.act",
        "tasks.cat.output_header",
    )


EXTRA = {"account_id": "a", "auth_account_id": "b"}


async def test_a_handler_can_be_called_outside_of_a_task_as_kazoos_apply_does() -> None:
    def handler(context: Context, data: Any, args: Row) -> object:
        assert (context.account_id, context.auth_account_id) == ("a", "b")
        match args["a"]:
            case "first":
                return row([repr(data)], 1)
            case "next":
                return ok(data + 1)
            case "stop":
                return ok(STOP)
            case _:
                return "why"

    asked, key = Dispatcher(csv_app(handler, data_type=int), IDENTITY), "tasks.cat.act"
    [first] = await call(asked, key, EXTRA, "init", {"a": "first"})
    assert first == {"row": [repr(INIT)], "next": "data", "data": 1}
    assert await call(asked, key, EXTRA, 1, {"a": "next"}) == [
        {"ok": True, "next": "data", "data": 2}
    ]
    assert await call(asked, key, EXTRA, 1, {"a": "stop"}) == [{"ok": True, "next": "stop"}]
    assert await call(asked, key, EXTRA, 1, {"a": "fail"}) == [{"error": "why"}]
    assert await call(asked, key, EXTRA, "text", {"a": "next"}) == ["ValidationError"]
    assert await call(asked, key, {}, "init", {"a": "next"}) == ["KeyError"]


async def test_a_reply_is_plain_json() -> None:
    asked = dispatcher(lambda _context, _data, args: row({"x": args["a"], "n": 1.5, "b": True}))
    reply = orjson.loads(await asked.batch(batch(numbered(1)), no_progress))
    assert reply["returns"] == [{"row": {"x": "1", "n": 1.5, "b": True}}]
    assert reply["v"] == codec.VERSION
