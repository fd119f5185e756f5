"""What an instance says of itself: help when it is asked, and signs of life."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from tasks_bindings import App, AppRunner, Category, Context, Environment, Row, ok
from tasks_bindings.bus import Message
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tasks_bindings.errors import ReplyTimeout
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import APPS_BEAT, help_key, instance_key
from tasks_bindings.wire.messages import Beat, HelpReply, HelpRequest, MessageType
from tasks_bindings.wire.topology import BINDINGS
from tests.unit.bindings.cluster import PATIENCE_S, Cluster, decoded
from tests.unit.bindings.support import csv_app


async def quick(_context: Context, _data: object, args: Row) -> object:
    return ok(args["a"])


async def soon(awaited: Awaitable[object]) -> object:
    async with asyncio.timeout(PATIENCE_S):
        return await awaited


def two_categories() -> App:
    one, two = Category("one"), Category("two")
    for category, actions in ((one, ("x", "y")), (two, ("x",))):
        for action in actions:
            category.csv_action(action, description=action, optional=["a"])(quick)
    return App("sample", one, two)


@pytest.mark.parametrize(
    ("category", "action", "expected"),
    [
        (None, None, {"one": ["x", "y"], "two": ["x"]}),
        ("one", None, {"one": ["x", "y"]}),
        ("one", "y", {"one": ["y"]}),
    ],
)
async def test_help_is_given_for_all_for_a_category_and_for_an_action(
    cluster: Cluster, category: str | None, action: str | None, expected: dict[str, list[str]]
) -> None:
    await cluster.run(two_categories())
    key = help_key(category, action)
    answers = await cluster.ask_raw(key, codec.encode(HelpRequest()), MessageType.HELP)
    reply = decoded(answers, HelpReply)
    assert {name: list(actions) for name, actions in reply.help.items()} == expected
    assert reply.bindings == ("tasks.one.x", "tasks.one.y", "tasks.two.x")


@pytest.mark.parametrize(("category", "action"), [("other", None), ("one", "z"), ("other", "x")])
async def test_nobody_answers_for_what_he_does_not_serve(
    cluster: Cluster, category: str, action: str | None
) -> None:
    running = await cluster.run(two_categories())
    answers = await both_helps(
        cluster, help_key(category, action), running.runner.identity.instance
    )
    assert len(answers) == 1


async def both_helps(cluster: Cluster, key: str, instance: str) -> list[Message]:
    """What is answered to a question, and to a second one that is always answered."""
    answers: list[Message] = []
    question = Message(body=codec.encode(HelpRequest()), type=MessageType.HELP)
    async with cluster.bus.call(BINDINGS.name, key, question) as first:
        async with cluster.bus.call(BINDINGS.name, instance_key(instance), question) as second:
            answers.append((await second.receive(PATIENCE_S)).message)
        await soon(cluster.broker.settled())
        with suppress(ReplyTimeout):
            answers.append((await first.receive(0)).message)
    return answers


async def test_a_bad_message_to_an_instance_is_passed_over(cluster: Cluster) -> None:
    running = await cluster.run(csv_app(quick))
    key = instance_key(running.runner.identity.instance)
    for kind in (MessageType.CANCEL, MessageType.BATCH):
        await cluster.bus.publish(BINDINGS.name, key, Message(body=b"garbage", type=kind))
    answers = await cluster.ask_raw(key, codec.encode(HelpRequest()), MessageType.HELP)
    assert decoded(answers, HelpReply).app == running.runner.identity


async def test_an_instance_says_again_and_again_that_it_is_there(cluster: Cluster) -> None:
    heard = await cluster.listen(APPS_BEAT)
    running = await cluster.run(csv_app(quick))
    key = instance_key(running.runner.identity.instance)
    told = decoded(
        await cluster.ask_raw(key, codec.encode(HelpRequest()), MessageType.HELP), HelpReply
    )
    for _ in range(3):
        beat = await heard.next(MessageType.BEAT, Beat)
        assert (beat.app, beat.digest) == (running.runner.identity, told.digest)


async def test_beats_go_on_after_the_session_was_lost(cluster: Cluster) -> None:
    running = await cluster.run(csv_app(quick))
    running.bus.disconnect(for_s=0.2)
    heard = await cluster.listen(APPS_BEAT)
    await heard.next(MessageType.BEAT, Beat)
    assert running.bus.health.sessions == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda: csv_app(quick, description="Another sample"),
        lambda: csv_app(quick, columns=("a", "b")),
        two_categories,
    ],
)
def test_the_digest_tells_that_something_else_is_served(change: Callable[[], App]) -> None:
    def digest(app: App) -> str:
        return AppRunner(app, MemoryBus(MemoryBroker()), Environment({}))._announcement.digest

    assert digest(csv_app(quick)) == digest(csv_app(quick))
    assert digest(csv_app(quick)) != digest(change())
