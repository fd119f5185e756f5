"""Peers of another version: what is added is ignored, what is incompatible is refused and told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from kztasks.scheduler.deadletters import consume_dead_letters
from tasks_bindings.bus import Delivery, Message
from tasks_bindings.wire.messages import MessageType
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind
from tests.contract.bus.conftest import Transport
from tests.contract.discovery.kit import PATIENCE_S, Scheduler, Site, an_app, within

BATCH: dict[str, Any] = {
    "v": 1,
    "task_id": "t1",
    "epoch": 1,
    "seq": 1,
    "attempt": 1,
    "hash": "h",
    "category": "cat",
    "action": "act",
    "account_id": "a",
    "auth_account_id": "a",
    "columns": ["a"],
    "rows": [["x"]],
    "first_row": 1,
}
APP: dict[str, Any] = {"name": "later", "instance": "i1", "version": "9", "colour": "blue"}


@pytest.fixture
async def site(transport: Transport) -> AsyncIterator[Site]:
    site = Site(transport)
    yield site
    await site.close()


def instance_queue(instance: str) -> Queue:
    """The queue of an instance that is not made with our code."""
    binding = Binding(BINDINGS.name, f"apps.instance.{instance}")
    return Queue(name="later", kind=QueueKind.PRIVATE, bindings=(binding,))


async def ask(scheduler: Scheduler, content: dict[str, Any], kind: str = "batch") -> Delivery:
    """Send a message to the app `first`; its answer, or the one that comes in its place."""
    message = Message(body=json.dumps(content).encode(), type=kind)
    key = "first.tasks.cat.act"
    async with scheduler.bus.call(BINDINGS.name, key, message) as call:
        while True:
            answer = await call.receive(PATIENCE_S)
            if answer.message.type != MessageType.PROGRESS:
                return answer


async def tell(scheduler: Scheduler, key: str, kind: str, content: dict[str, Any]) -> None:
    message = Message(body=json.dumps(content).encode(), type=kind)
    await scheduler.bus.publish(BINDINGS.name, key, message)


async def test_an_app_ignores_fields_that_a_later_scheduler_adds(site: Site) -> None:
    scheduler = await site.scheduler()
    await site.run(an_app("first"))
    answer = await ask(scheduler, {**BATCH, "later": {"x": [1]}})
    assert answer.message.type == MessageType.BATCH_REPLY
    assert json.loads(answer.message.body)["returns"] == [{"ok": True}]


@pytest.mark.parametrize(
    ("content", "kind"), [({**BATCH, "v": 2}, "batch"), ({"v": 1}, "a_later_type")]
)
async def test_what_an_app_cannot_read_is_told_to_whoever_asked(
    site: Site, content: dict[str, Any], kind: str
) -> None:
    scheduler = await site.scheduler()
    dead_letters = await consume_dead_letters(scheduler.bus)
    await site.run(an_app("first"))
    answer = await ask(scheduler, content, kind)
    await dead_letters.cancel()
    assert answer.message.type == MessageType.DEAD
    assert json.loads(answer.message.body)["reason"] == "rejected"
    assert (await ask(scheduler, BATCH)).message.type == MessageType.BATCH_REPLY


async def test_an_instance_drops_messages_of_types_that_it_does_not_know(site: Site) -> None:
    scheduler = await site.scheduler()
    runner = await site.run(an_app("first"))
    own = f"apps.instance.{runner.identity.instance}"
    with capture_logs() as logs:
        await tell(scheduler, own, "a_later_type", {"v": 1})
        await tell(scheduler, own, "claims", {"v": 2, "refused": []})
        await within(PATIENCE_S, lambda: len(_dropped(logs)) == 2)
    assert [one["code"] for one in _dropped(logs)] == ["wire_error", "unsupported_version"]
    assert (await ask(scheduler, BATCH)).message.type == MessageType.BATCH_REPLY
    assert runner.not_ready == []


def _dropped(logs: list[Any]) -> list[Any]:
    return [one for one in logs if one["event"] == "control_message_dropped"]


async def test_a_scheduler_does_not_use_apps_of_another_version_and_says_so(site: Site) -> None:
    scheduler = await site.scheduler()
    with capture_logs() as logs:
        await tell(scheduler, "apps.beat", "beat", {"v": 2, "app": APP, "digest": "d"})
        await within(PATIENCE_S, lambda: any(one["event"] == "beat_dropped" for one in logs))
    assert scheduler.directory.instances == ()
    await site.run(an_app("first"))
    await within(PATIENCE_S, lambda: scheduler.serving() == {"first"})


async def test_a_scheduler_ignores_fields_that_a_later_app_adds(
    site: Site, transport: Transport
) -> None:
    """Metadata, identity and message each have one; the rest of them counts."""
    scheduler = await site.scheduler()
    served = {"description": "d", "expected_content": "text/csv", "mandatory": ["a"], "icon": "x"}
    reply = {
        "v": 1,
        "app": APP,
        "digest": "d",
        "help": {"cat": {"act": served}},
        "bindings": ["tasks.cat.act"],
        "mood": "good",
    }
    later = await transport.bus("later")

    async def answer(delivery: Delivery) -> None:
        asked = delivery.message
        assert asked.reply_to is not None
        message = Message(
            body=json.dumps(reply).encode(), type="help_reply", correlation_id=asked.correlation_id
        )
        await later.publish("", asked.reply_to, message)

    await later.consume(instance_queue("i1"), answer)
    await tell(scheduler, "apps.beat", "beat", {"v": 1, "app": APP, "digest": "d", "mood": "good"})
    await within(PATIENCE_S, lambda: scheduler.serving() == {"later"})
    assert scheduler.directory.help()["cat"]["act"].mandatory == ("a",)
