"""Apps come, change, leave and die; whoever listens knows it soon."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tasks_bindings import App, Context, Row, ok
from tasks_bindings.bus import Delivery, Message
from tasks_bindings.discovery import Discovery
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import APPS_BEAT, APPS_DOWN, HELP
from tasks_bindings.wire.messages import MessageType
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind
from tests.unit.bindings.cluster import PATIENCE_S, Cluster
from tests.unit.bindings.support import csv_app


async def handler(_context: Context, _data: object, _row: Row) -> object:
    return ok()


def app(name: str = "sample", description: str = "A sample") -> App:
    [category] = csv_app(handler, description=description).categories
    return App(name, category)


def served(cluster: Cluster) -> str | None:
    metadata = cluster.directory.metadata("cat", "act")
    return metadata.description if metadata is not None else None


async def test_an_app_that_was_there_before_is_found_without_its_next_beat(
    cluster: Cluster,
) -> None:
    await cluster.run(app(), beat_s=60.0)
    await cluster.broker.settled()
    await cluster.discovery.start()
    await cluster.until(lambda: served(cluster) == "A sample")


async def test_who_waits_for_answers_knows_all_who_are_there(cluster: Cluster) -> None:
    for name in ("first", "second", "third"):
        await cluster.run(app(name), beat_s=60.0)
    await cluster.broker.settled()
    await cluster.discovery.start()
    await cluster.discovery.wait_for_answers(PATIENCE_S)
    assert len(cluster.directory.instances) == 3


async def test_where_nobody_is_there_the_wait_for_answers_ends(cluster: Cluster) -> None:
    await cluster.discovery.start()
    async with asyncio.timeout(PATIENCE_S):
        await cluster.discovery.wait_for_answers(0.05)
    assert not cluster.directory.instances


async def test_an_app_that_comes_later_is_found(cluster: Cluster) -> None:
    await cluster.discovery.start()
    await cluster.run(app())
    await cluster.until(lambda: served(cluster) == "A sample")


async def test_an_app_that_comes_back_with_something_else_is_believed(cluster: Cluster) -> None:
    [old] = await cluster.serve(app())
    await old.leave()
    await cluster.run(app(description="Better"))
    await cluster.until(lambda: served(cluster) == "Better")


async def test_an_app_that_leaves_is_gone_at_once(cluster: Cluster) -> None:
    cluster.discovery = Discovery(cluster.bus, cluster.directory, silence_limit_s=60.0)
    [running] = await cluster.serve(app())
    await running.leave()
    await cluster.until(lambda: served(cluster) is None)


async def test_an_app_that_dies_is_gone_after_its_silence(cluster: Cluster) -> None:
    first, second = await cluster.serve(app("first"), app("second"))
    await first.die()
    await cluster.until(lambda: len(cluster.directory.instances) == 1)
    assert cluster.directory.instances[0].app == second.runner.identity


async def test_whoever_waits_for_a_change_is_woken_by_one(cluster: Cluster) -> None:
    await cluster.discovery.start()
    waiting = [asyncio.create_task(cluster.discovery.wait_for_change(PATIENCE_S)) for _ in "ab"]
    await cluster.run(app())
    assert await asyncio.gather(*waiting) == [True, True]
    assert not await cluster.discovery.wait_for_change(0.01)


async def test_garbage_among_the_beats_is_passed_over(cluster: Cluster) -> None:
    await cluster.discovery.start()
    for key in (APPS_BEAT, APPS_DOWN):
        for kind in (MessageType.BEAT, MessageType.DOWN, MessageType.BATCH):
            await cluster.bus.publish(BINDINGS.name, key, Message(body=b"garbage", type=kind))
    await cluster.run(app())
    await cluster.until(lambda: served(cluster) == "A sample")


async def test_answers_after_garbage_are_heard(cluster: Cluster) -> None:
    """All instances answer the first question; one that lies hides no other."""
    sane = await cluster.run(app(), beat_s=60.0)
    announced = codec.encode(sane.runner._announcement)
    await sane.die()

    async def answer(delivery: Delivery) -> None:
        message = delivery.message
        assert message.reply_to is not None
        for body in (b"garbage", announced):
            reply = Message(
                body=body, type=MessageType.HELP_REPLY, correlation_id=message.correlation_id
            )
            await cluster.bus.publish("", message.reply_to, reply)

    bindings = (Binding(BINDINGS.name, HELP),)
    await cluster.bus.consume(
        Queue(name="stranger", kind=QueueKind.PRIVATE, bindings=bindings), answer
    )
    await cluster.discovery.start()
    await cluster.until(lambda: served(cluster) == "A sample")


async def test_discovery_goes_on_after_the_session_was_lost(cluster: Cluster) -> None:
    await cluster.discovery.start()
    cluster.bus.disconnect()
    await cluster.run(app())
    await cluster.until(lambda: served(cluster) == "A sample")


async def test_a_claim_with_other_metadata_is_logged_once(cluster: Cluster) -> None:
    with capture_logs() as logs:
        await cluster.serve(app("first"), app("second", "Other"), app("third"))
    refused = [one for one in logs if one["event"] == "action_refused"]
    assert [(one["app"], one["serving"], one["category"], one["action"]) for one in refused] == [
        ("second", "first", "cat", "act")
    ]


@pytest.mark.parametrize("name", ["first", "second"])
async def test_apps_with_the_same_metadata_both_get_rows(cluster: Cluster, name: str) -> None:
    await cluster.serve(app("first"), app("second"))
    assert name in {cluster.directory.app_for("cat", "act") for _ in range(2)}
