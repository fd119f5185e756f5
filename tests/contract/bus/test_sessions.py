"""What a session promises: whole or not there, and rebuilt as it was, under fresh names."""

from __future__ import annotations

import asyncio
import time

import pytest

from tasks_bindings.bus import Delivery, SessionState
from tasks_bindings.errors import BusUnavailable, Unroutable
from tasks_bindings.wire.topology import BINDINGS, DEAD_QUEUE, Binding, Queue, QueueKind
from tests.contract.bus.conftest import Transport
from tests.contract.bus.kit import (
    KEY,
    PATIENCE_S,
    Gate,
    Inbox,
    bodies,
    eventually,
    replier,
    text,
    work_queue,
)

PRIVATE = Queue(
    name="kztasks.instance", kind=QueueKind.PRIVATE, bindings=(Binding(BINDINGS.name, "to.me"),)
)


async def test_subscriptions_work_again_after_a_loss(transport: Transport) -> None:
    client, server = await transport.bus("client"), await transport.bus("server")
    work, private = Inbox(), Inbox()
    await server.consume(work_queue(), work)
    await server.consume(PRIVATE, private)
    for number in range(3):
        await transport.lose_session(server)
        await client.publish(BINDINGS.name, KEY, text(str(number)))
        await client.publish(BINDINGS.name, "to.me", text(str(number)))
        for inbox in (work, private):
            assert await _new(inbox, number) == str(number).encode()
    assert server.health.sessions == 4


async def _new(inbox: Inbox, number: int) -> bytes:
    """The next message but for those that were not acknowledged before the loss."""
    known = {str(earlier).encode() for earlier in range(number)}
    while (body := (await inbox.next()).message.body) in known:
        pass
    return body


async def test_calls_work_again_after_a_loss(transport: Transport) -> None:
    client, server = await transport.bus("client"), await transport.bus("server")
    await server.consume(work_queue(), replier(server))
    for body in ("one", "two"):
        async with client.call(BINDINGS.name, KEY, text(body)) as call:
            assert (await call.receive(PATIENCE_S)).message.body == body.encode()
        await transport.lose_session(client)


async def test_a_private_queue_has_a_fresh_name_in_each_session(transport: Transport) -> None:
    bus, other = await transport.bus("owner"), await transport.bus("other")
    subscription = await bus.consume(PRIVATE, Inbox())
    names = [subscription.queue_name]
    for _ in range(2):
        await transport.lose_session(bus)
        names.append(subscription.queue_name)
    assert len(set(names)) == 3
    assert all(name.startswith(f"{PRIVATE.name}.") for name in names)
    for old in names[:-1]:
        with pytest.raises(Unroutable):
            await other.publish("", old, text("x"))


async def test_a_private_queue_is_gone_after_close(transport: Transport) -> None:
    bus, other = await transport.bus("owner"), await transport.bus("other")
    subscription = await bus.consume(PRIVATE, Inbox())
    name = subscription.queue_name
    await bus.close()
    with pytest.raises(BusUnavailable):
        _ = subscription.queue_name
    with pytest.raises(Unroutable):
        await other.publish("", name, text("x"))


async def test_a_work_queue_has_its_name_without_a_session(transport: Transport) -> None:
    bus = transport.client()
    assert (await bus.consume(work_queue(), Inbox())).queue_name == work_queue().name
    private = await bus.consume(PRIVATE, Inbox())
    with pytest.raises(BusUnavailable):
        _ = private.queue_name


async def test_what_is_consumed_before_the_first_session_runs_in_it(transport: Transport) -> None:
    bus, inbox = transport.client(), Inbox()
    await bus.consume(work_queue(), inbox)
    await bus.start()
    await bus.wait_ready(PATIENCE_S)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await inbox.next()


async def test_a_cancelled_subscription_does_not_come_back(transport: Transport) -> None:
    bus, cancelled, kept = await transport.bus(), Inbox(), Inbox()
    subscription = await bus.consume(work_queue(), cancelled)
    await subscription.cancel()
    await transport.lose_session(bus)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await bus.consume(work_queue(), kept)
    await kept.next()
    assert cancelled.is_empty


async def test_a_handler_runs_on_when_the_session_is_lost(transport: Transport) -> None:
    bus, gate = await transport.bus(), Gate()
    await bus.consume(work_queue(prefetch=2), gate)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await gate.arrival()
    await transport.lose_session(bus)
    again = await gate.arrival()
    assert (again.redelivered, again.deliveries) == (True, 1)
    gate.open()
    await eventually(lambda: len(gate.finished) == 2)


async def test_an_acknowledgement_after_the_loss_counts_for_nothing(transport: Transport) -> None:
    bus, other = await transport.bus("app"), await transport.bus("other")
    first, second = Gate(), Gate()
    subscription = await bus.consume(work_queue(), first)
    await other.publish(BINDINGS.name, KEY, text("x"))
    await first.arrival()
    await subscription.cancel()
    await other.consume(work_queue(), second)
    await transport.lose_session(bus)
    first.open()
    await subscription.drain(PATIENCE_S)
    delivery = await second.arrival()
    assert (delivery.redelivered, delivery.deliveries) == (True, 1)
    second.open()
    await eventually(lambda: len(second.finished) == 1)
    assert bus.health.sessions == 2


async def test_a_failure_after_the_loss_buries_nothing(transport: Transport) -> None:
    bus, dead, fails = await transport.bus(), Inbox(), asyncio.Event()
    deliveries: asyncio.Queue[Delivery] = asyncio.Queue()

    async def fail_when_told(delivery: Delivery) -> None:
        deliveries.put_nowait(delivery)
        await fails.wait()
        raise ValueError(delivery.message.body.decode())

    await bus.consume(DEAD_QUEUE, dead)
    await bus.consume(work_queue(prefetch=1), fail_when_told)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await deliveries.get()
    await transport.lose_session(bus)
    assert (await deliveries.get()).redelivered
    fails.set()
    await bus.publish(BINDINGS.name, KEY, text("y"))
    assert [(await dead.next()).message.body for _ in range(2)] == [b"x", b"y"]
    assert dead.is_empty


async def test_what_is_delivered_again_comes_before_what_waits(transport: Transport) -> None:
    bus, gate = await transport.bus(), Gate()
    await bus.consume(work_queue(), gate)
    for body in ("first", "second", "third"):
        await bus.publish(BINDINGS.name, KEY, text(body))
    await gate.arrival()
    await transport.lose_session(bus)
    gate.open()
    arrived = [await gate.arrival() for _ in range(3)]
    assert bodies(arrived) == ["first", "second", "third"]
    assert [delivery.redelivered for delivery in arrived] == [True, False, False]


async def test_a_handler_of_a_cancelled_subscription_is_interrupted_at_close(
    transport: Transport,
) -> None:
    leaving, staying, gate, inbox = await transport.bus(), await transport.bus(), Gate(), Inbox()
    subscription = await leaving.consume(work_queue(), gate)
    await staying.publish(BINDINGS.name, KEY, text("unfinished"))
    await gate.arrival()
    await subscription.cancel()
    await staying.consume(work_queue(), inbox)
    del subscription
    await leaving.close()
    assert gate.at_once == 0
    assert (await inbox.next()).redelivered


async def test_unfinished_deliveries_go_to_another_consumer_at_close(transport: Transport) -> None:
    leaving, staying = await transport.bus("leaving"), await transport.bus("staying")
    gate, inbox = Gate(), Inbox()
    await leaving.consume(work_queue(), gate)
    await staying.publish(BINDINGS.name, KEY, text("unfinished"))
    await gate.arrival()
    await staying.consume(work_queue(), inbox)
    await leaving.close()
    delivery = await inbox.next()
    assert (delivery.message.body, delivery.redelivered) == (b"unfinished", True)
    assert gate.at_once == 0
    assert gate.finished == []


async def test_everything_fails_at_once_while_there_is_no_session(transport: Transport) -> None:
    bus, gate = await transport.bus(), Gate()
    await bus.consume(work_queue(), gate)
    await bus.close()
    begun = time.monotonic()
    with pytest.raises(BusUnavailable):
        await bus.publish(BINDINGS.name, KEY, text("x"), timeout=30)
    with pytest.raises(BusUnavailable):
        async with bus.call(BINDINGS.name, KEY, text("x"), timeout=30):
            pytest.fail("there is no session")
    assert time.monotonic() - begun < 1


async def test_waiting_for_a_session_ends_in_time(transport: Transport) -> None:
    bus = transport.client()
    with pytest.raises(BusUnavailable, match="no session"):
        await bus.wait_ready(0.01)


async def test_health_says_how_far_the_session_is(transport: Transport) -> None:
    bus = transport.client()
    assert (bus.is_ready, bus.health.state) == (False, SessionState.CLOSED)
    await bus.start()
    await bus.wait_ready(PATIENCE_S)
    health = bus.health
    assert (bus.is_ready, health.state, health.sessions) == (True, SessionState.READY, 1)
    assert (health.last_error, health.blocked, health.late_replies) == (None, False, 0)
    await bus.close()
    assert (bus.is_ready, bus.health.state) == (False, SessionState.CLOSED)


async def test_health_says_why_the_session_was_lost(transport: Transport) -> None:
    bus = await transport.bus()
    transport.cut(bus)
    await eventually(lambda: bus.health.last_error is not None)
    await bus.wait_ready(PATIENCE_S)
    assert bus.health.last_error


async def test_start_and_close_may_be_repeated(transport: Transport) -> None:
    bus = await transport.bus()
    await bus.start()
    assert bus.health.sessions == 1
    await bus.close()
    await bus.close()


async def test_a_bus_can_be_closed_while_it_publishes(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(work_queue(prefetch=10), inbox)

    async def publish_for_ever() -> None:
        while True:
            await bus.publish(BINDINGS.name, KEY, text("x"))

    publishers = [asyncio.create_task(publish_for_ever()) for _ in range(5)]
    await inbox.next()
    await bus.close()
    async with asyncio.timeout(PATIENCE_S):
        ends = await asyncio.gather(*publishers, return_exceptions=True)
    assert {type(end) for end in ends} == {BusUnavailable}
