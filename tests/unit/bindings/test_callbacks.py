"""What an app answers to calls of its handlers, headers, hooks, verifiers and triggers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tasks_bindings import INIT, STOP, App, Category, Context, Replace, Row, Trigger, ok, row
from tasks_bindings.sdk.dispatch import Dispatcher
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import Call, CallReply, CrashReport
from tests.unit.bindings.support import IDENTITY, csv_app, noinput_app


async def handle(context: Context, data: object, args: Row) -> object:
    return ok(args["a"])


async def call(asked: Dispatcher, key: str, *args: Any, fold: bool = False) -> list[Any]:
    """Values of the responders, or the type of their crash."""
    body = await asked.call(Call(key=key, args=args, fold=fold))
    results = codec.decode(body, CallReply).results
    return [one.crash.type if one.crash is not None else one.value for one in results]


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


@pytest.mark.parametrize(
    ("key", "args", "code"),
    [
        ("tasks.cat.output_header", ("unknown",), "unknown_action"),
        ("tasks.cat.finish", ("unknown", None), "unknown_action"),
        ("tasks.cat.cleanup", ("unknown", None), "unknown_action"),
        ("tasks.other.output_header", ("act",), "unknown_action"),
        ("tasks.other.finish", ("act", None), "unknown_action"),
        ("tasks.triggers.hour", (), "unknown_handler"),
    ],
)
async def test_what_another_version_of_the_app_may_have_is_refused_and_not_answered_with_nothing(
    key: str, args: tuple[Any, ...], code: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        await call(Dispatcher(callbacks(), IDENTITY), key, *args)
    assert refused.value.refusal.code == code


async def test_a_header_or_hook_without_the_name_of_an_action_is_a_crash() -> None:
    asked = Dispatcher(callbacks(), IDENTITY)
    assert await call(asked, "tasks.cat.output_header") == ["TypeError"]
    assert await call(asked, "tasks.cat.output_header", ["act"]) == ["TypeError"]


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
