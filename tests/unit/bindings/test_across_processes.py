"""Mapping and folding over responders of this process and of all apps."""

from __future__ import annotations

import asyncio

import pytest

from tasks_bindings import App, Category, Context, Row, Trigger, row
from tasks_bindings.bus import Delivery, Message
from tasks_bindings.errors import DecodeError, NoHandler, Unroutable
from tasks_bindings.registry import Bound
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import (
    AppIdentity,
    CallReply,
    CallResult,
    HelpReply,
    MessageType,
    Refused,
    WireMessage,
)
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind
from tests.unit.bindings.cluster import PATIENCE_S, Cluster, values

KEY = "tasks.cat.column"


def app(name: str, accepted: str) -> App:
    """An app whose verifier on `KEY` accepts one value."""
    category = Category("cat")

    @category.csv_action("act", description="A sample", optional=["column"])
    async def act(context: Context, _data: object, args: Row) -> object:
        return row([context.account_id, args["column"]])

    @category.verifier("column")
    def column(cell: str) -> bool:
        if cell == "crash":
            raise LookupError(name)
        return cell == accepted

    return App(name, category)


def here(cell: str) -> str:
    return f"here {cell}"


async def test_a_map_calls_this_process_and_every_app_in_the_order_of_their_coming(
    cluster: Cluster,
) -> None:
    await cluster.serve(app("first", "x"), app("second", "y"))
    assert cluster.bindings.bind(KEY, here) is Bound.OK
    assert values(await cluster.bindings.map(KEY, "x")) == ["here x", True, False]
    assert values(await cluster.bindings.map(KEY, "y")) == ["here y", False, True]
    assert values(await cluster.bindings.pmap(KEY, "y")) == ["here y", False, True]


async def test_instances_of_one_app_answer_once(cluster: Cluster) -> None:
    await cluster.serve(app("first", "x"), app("first", "x"))
    assert values(await cluster.bindings.map(KEY, "x")) == [True]


async def test_a_crash_in_one_app_is_a_result_and_the_others_answer(cluster: Cluster) -> None:
    await cluster.serve(app("first", "x"), app("second", "x"))
    results = await cluster.bindings.map(KEY, "crash")
    assert values(results) == ["LookupError", "LookupError"]
    assert [one.crash.message for one in results if one.crash] == ["first", "second"]


async def test_a_key_that_nobody_is_bound_to_gives_nothing(cluster: Cluster) -> None:
    await cluster.serve(app("first", "x"))
    assert await cluster.bindings.map("tasks.cat.other", "x") == []
    assert not cluster.bindings.is_bound("tasks.cat.other")
    assert cluster.bindings.is_bound(KEY)


async def test_what_was_unbound_is_not_called(cluster: Cluster) -> None:
    cluster.bindings.bind(KEY, here)
    assert cluster.bindings.is_bound(KEY)
    assert cluster.bindings.unbind(KEY, here) is Bound.DELETED_BINDING
    assert not cluster.bindings.is_bound(KEY)
    assert await cluster.bindings.map(KEY, "x") == []


async def test_an_app_that_has_just_died_is_a_crashed_result_not_a_gap(cluster: Cluster) -> None:
    """Its queue waits for another instance; nobody comes in time."""
    [running] = await cluster.serve(app("first", "x"))
    cluster.bindings._timeout_s = 0.05
    await running.bus.close()
    assert values(await cluster.bindings.map(KEY, "x")) == ["reply_timeout"]


async def test_a_fold_hands_its_value_through_this_process_and_then_the_apps(
    cluster: Cluster,
) -> None:
    await cluster.serve(app("first", "here x"), app("second", "y"))
    cluster.bindings.bind(KEY, here)
    assert await cluster.bindings.fold(KEY, "x") is False  # "here x", then True, then False
    assert await cluster.bindings.fold("tasks.cat.other", "x") == "x"


async def test_apply_calls_a_handler_as_kazoos_scheduler_does(cluster: Cluster) -> None:
    await cluster.serve(app("first", "x"))
    extra = {"account_id": "a", "auth_account_id": "b"}
    results = await cluster.bindings.apply("cat", "act", [extra, "init", {"column": "z"}])
    assert values(results) == [{"row": ["a", "z"]}]


async def test_a_trigger_reaches_the_apps_that_bound_it_and_only_those(cluster: Cluster) -> None:
    fired: list[str] = []
    first, second, third = App("first"), App("second"), App("third")
    first.trigger(Trigger.ACCOUNT, Trigger.DAY)(lambda *database: fired.append(f"first{database}"))
    second.trigger(Trigger.ACCOUNT)(lambda database: fired.append(f"second {database}"))
    await cluster.serve(first, second, third)
    results = await cluster.bindings.map(Trigger.ACCOUNT.value, "db")
    assert values(results) == [None, None]
    assert fired == ["first('db',)", "second db"]


async def test_one_app_alone_can_be_called(cluster: Cluster) -> None:
    await cluster.serve(app("first", "x"), app("second", "y"))
    assert values(await cluster.bindings.call_app("second", KEY, "y")) == [True]
    with pytest.raises(Unroutable):
        await cluster.bindings.call_app("third", KEY, "y")


class Liar:
    """An app that answers calls with whatever a test tells it to."""

    def __init__(self, cluster: Cluster, kind: str, answer: WireMessage | bytes) -> None:
        self._cluster = cluster
        self._kind = kind
        self._answer = answer if isinstance(answer, bytes) else codec.encode(answer)

    async def start(self) -> None:
        bindings = (Binding(BINDINGS.name, f"liar.{KEY}"),)
        queue = Queue(name="kztasks.app.liar", kind=QueueKind.WORK, bindings=bindings)
        await self._cluster.bus.consume(queue, self.reply)
        told = HelpReply(app=LIAR, help={}, bindings=(KEY,), digest="d")
        self._cluster.directory.heard_help(told, 0.0)

    async def reply(self, delivery: Delivery) -> None:
        request = delivery.message
        assert request.reply_to is not None
        reply = Message(body=self._answer, type=self._kind, correlation_id=request.correlation_id)
        await self._cluster.bus.publish("", request.reply_to, reply)


LIAR = AppIdentity(name="liar", instance="i", version="0")
NOTHING = CallReply(app=LIAR, results=())
TOO_MUCH = CallReply(app=LIAR, results=(CallResult(value="a"), CallResult(value="b")))


@pytest.mark.parametrize(
    ("kind", "answer", "error"),
    [
        (MessageType.REFUSED, Refused(code="stale_epoch", message="why"), NoHandler),
        (MessageType.DEAD, b'{"v":1,"reason":"rejected"}', NoHandler),
        (MessageType.BATCH_REPLY, NOTHING, DecodeError),
        (MessageType.CALL_REPLY, b"garbage", DecodeError),
    ],
)
async def test_an_answer_that_is_none_is_an_error_and_in_a_map_a_crash(
    cluster: Cluster, kind: str, answer: WireMessage | bytes, error: type[NoHandler | DecodeError]
) -> None:
    await Liar(cluster, kind, answer).start()
    with pytest.raises(error):
        await cluster.bindings.call_app("liar", KEY, "x")
    assert values(await cluster.bindings.map(KEY, "x")) == [error.code]
    assert await cluster.bindings.fold(KEY, "x") == "x"


@pytest.mark.parametrize("answer", [NOTHING, TOO_MUCH])
async def test_a_fold_keeps_its_value_when_an_app_does_not_answer_with_one(
    cluster: Cluster, answer: CallReply
) -> None:
    await Liar(cluster, MessageType.CALL_REPLY, answer).start()
    assert await cluster.bindings.fold(KEY, "x") == "x"


async def test_calls_run_beside_each_other(cluster: Cluster) -> None:
    await cluster.serve(app("first", "x"))
    async with asyncio.timeout(PATIENCE_S):
        results = await asyncio.gather(*(cluster.bindings.map(KEY, "x") for _ in range(50)))
    assert [values(one) for one in results] == [[True]] * 50
