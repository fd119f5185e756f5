"""What publishing promises: everything arrives as it was sent, or the sender is told at once."""

from __future__ import annotations

import os
import time

import pytest

from tasks_bindings.bus import Message
from tasks_bindings.errors import BusUnavailable, Unroutable
from tasks_bindings.wire.topology import (
    BINDINGS,
    KAZOO_TARGETED,
    KAZOO_TASKS,
    Binding,
    Queue,
    QueueKind,
)
from tests.contract.bus.conftest import Transport
from tests.contract.bus.kit import KEY, Inbox, eventually, text, work_queue


def private(*bindings: Binding) -> Queue:
    return Queue(name="private", kind=QueueKind.PRIVATE, bindings=bindings)


async def test_a_message_arrives_as_it_was_sent(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(work_queue(), inbox)
    sent = Message(
        body=b'{"v": 1}',
        type="batch",
        correlation_id="c0ffee",
        reply_to="somewhere",
        expires_ms=30_000,
        persistent=True,
        headers={"attempt": 2, "node": "a@b"},
    )
    await bus.publish(BINDINGS.name, KEY, sent)
    delivery = await inbox.next()
    assert delivery.message == sent
    assert (delivery.exchange, delivery.routing_key) == (BINDINGS.name, KEY)
    assert (delivery.redelivered, delivery.deliveries) == (False, 0)
    assert delivery.death_reason is None


async def test_a_message_without_any_property_arrives(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(work_queue(), inbox)
    await bus.publish(BINDINGS.name, KEY, Message(body=b"", content_type=None))
    assert (await inbox.next()).message == Message(body=b"", content_type=None)


@pytest.mark.parametrize("size", [1, 131_072, 4_000_000])
async def test_bytes_of_any_size_arrive_unchanged(transport: Transport, size: int) -> None:
    bus, inbox, body = await transport.bus(), Inbox(), os.urandom(size)
    await bus.consume(work_queue(), inbox)
    await bus.publish(BINDINGS.name, KEY, Message(body=body, content_type=None))
    assert (await inbox.next()).message.body == body


async def test_messages_arrive_in_the_order_of_publishing(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(work_queue(prefetch=10), inbox)
    for number in range(30):
        await bus.publish(BINDINGS.name, KEY, text(str(number)))
    assert [(await inbox.next()).message.body for _ in range(30)] == [
        str(number).encode() for number in range(30)
    ]


async def test_the_nameless_exchange_leads_to_a_queue_by_its_name(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    subscription = await bus.consume(private(), inbox)
    await bus.publish("", subscription.queue_name, text("hello"))
    assert (await inbox.next()).message.body == b"hello"


@pytest.mark.parametrize(
    ("bound", "key", "is_reached"),
    [
        ("tasks.skel.id2", "tasks.skel.id2", True),
        ("tasks.skel.id2", "tasks.skel.id1", False),
        ("tasks.*.help", "tasks.skel.help", True),
        ("tasks.*.help", "tasks.help", False),
        ("tasks.*.help", "tasks.a.b.help", False),
        ("tasks.#", "tasks", True),
        ("tasks.#", "tasks.a", True),
        ("tasks.#", "tasks.a.b.c", True),
        ("tasks.#", "task.a", False),
        ("#.help", "help", True),
        ("#.help", "tasks.skel.help", True),
        ("tasks.#.help", "tasks.help", True),
        ("tasks.#.help", "tasks.a.b.help", True),
        ("tasks.#.help", "tasks.a.b.helper", False),
        ("#.*", "tasks", True),
        ("#", "", True),
        ("#", "any.thing", True),
        ("*", "a.b", False),
        ("tasks.skel", "tasks.*", False),
    ],
)
async def test_a_bound_key_reaches_what_topics_say(
    transport: Transport, bound: str, key: str, *, is_reached: bool
) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(private(Binding(BINDINGS.name, bound)), inbox)
    if is_reached:
        await bus.publish(BINDINGS.name, key, text("x"))
        assert (await inbox.next()).routing_key == key
    else:
        with pytest.raises(Unroutable):
            await bus.publish(BINDINGS.name, key, text("x"))
    assert inbox.is_empty


async def test_kazoos_replies_need_the_exact_key(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    address = "tasks@apps.1-<0.123.0>-ab*"
    await bus.consume(private(Binding(KAZOO_TARGETED.name, address)), inbox)
    await bus.publish(KAZOO_TARGETED.name, address, text("reply"))
    assert (await inbox.next()).message.body == b"reply"
    with pytest.raises(Unroutable):
        await bus.publish(KAZOO_TARGETED.name, address.replace("*", "c"), text("reply"))


async def test_kazoos_requests_do_not_reach_the_bindings(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(private(Binding(BINDINGS.name, "tasks.#")), inbox)
    with pytest.raises(Unroutable):
        await bus.publish(KAZOO_TASKS.name, "tasks.start", text("request"))
    assert inbox.is_empty


async def test_each_queue_gets_one_copy_however_many_of_its_bindings_match(
    transport: Transport,
) -> None:
    bus, first, second = await transport.bus(), Inbox(), Inbox()
    await bus.consume(
        private(Binding(BINDINGS.name, "tasks.#"), Binding(BINDINGS.name, "*.help")), first
    )
    await bus.consume(private(Binding(BINDINGS.name, "tasks.help")), second)
    await bus.publish(BINDINGS.name, "tasks.help", text("one"))
    await bus.publish(BINDINGS.name, "tasks.help", text("two"))
    for inbox in (first, second):
        assert [(await inbox.next()).message.body for _ in range(2)] == [b"one", b"two"]
        assert inbox.is_empty


async def test_a_mandatory_message_that_nobody_gets_fails_at_once(transport: Transport) -> None:
    bus = await transport.bus()
    begun = time.monotonic()
    with pytest.raises(Unroutable):
        await bus.publish(BINDINGS.name, "nobody.is.here", text("x"), timeout=30)
    assert time.monotonic() - begun < 2


async def test_other_messages_that_nobody_gets_are_dropped(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.publish(BINDINGS.name, KEY, text("dropped"), mandatory=False)
    await bus.consume(work_queue(), inbox)
    await bus.publish(BINDINGS.name, KEY, text("kept"), mandatory=False)
    assert (await inbox.next()).message.body == b"kept"
    assert inbox.is_empty


async def test_the_bus_is_of_use_after_an_unroutable_message(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(work_queue(), inbox)
    for _ in range(3):
        with pytest.raises(Unroutable):
            await bus.publish(BINDINGS.name, "nobody.is.here", text("x"))
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await inbox.next()
    assert bus.health.sessions == 1


@pytest.mark.parametrize("key", ["k" * 256, "é" * 128])
async def test_a_key_that_amqp_cannot_write_is_unroutable(transport: Transport, key: str) -> None:
    bus = await transport.bus()
    with pytest.raises(Unroutable):
        await bus.publish(BINDINGS.name, key, text("x"), mandatory=False)
    assert bus.is_ready


async def test_nothing_is_buffered_without_a_session(transport: Transport) -> None:
    bus = transport.client()
    with pytest.raises(BusUnavailable):
        await bus.publish(BINDINGS.name, KEY, text("x"))
    await bus.start()
    await bus.wait_ready(10)
    await bus.close()
    with pytest.raises(BusUnavailable):
        await bus.publish(BINDINGS.name, KEY, text("x"))


async def test_a_publish_to_an_unknown_exchange_fails_and_the_session_is_renewed(
    transport: Transport,
) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(work_queue(), inbox)
    with pytest.raises(BusUnavailable):
        await bus.publish("no.such.exchange", KEY, text("x"))
    await eventually(lambda: bus.is_ready and bus.health.sessions == 2)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await inbox.next()
