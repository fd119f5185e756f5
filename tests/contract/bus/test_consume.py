"""What consuming promises: each message to one consumer, as many at once as it asked for."""

from __future__ import annotations

import asyncio

import pytest

from tasks_bindings.bus import Delivery
from tasks_bindings.errors import BusError
from tasks_bindings.wire.topology import BINDINGS, Queue, QueueKind
from tests.contract.bus.conftest import Transport
from tests.contract.bus.kit import (
    KEY,
    PATIENCE_S,
    Gate,
    Inbox,
    bodies,
    eventually,
    round_trip,
    text,
    work_queue,
)


@pytest.mark.parametrize("prefetch", [1, 3])
async def test_prefetch_bounds_how_many_handlers_run_at_once(
    transport: Transport, prefetch: int
) -> None:
    bus, gate = await transport.bus(), Gate()
    await bus.consume(work_queue(prefetch=prefetch), gate)
    for number in range(2 * prefetch):
        await bus.publish(BINDINGS.name, KEY, text(str(number)))
    for _ in range(prefetch):
        await gate.arrival()
    await round_trip(bus)
    assert gate.at_once == prefetch
    gate.open()
    await eventually(lambda: len(gate.finished) == 2 * prefetch)
    assert gate.most_at_once == prefetch
    assert sorted(bodies(gate.finished)) == [str(number) for number in range(2 * prefetch)]


async def test_competing_consumers_share_the_work(transport: Transport) -> None:
    publisher, gates = await transport.bus("publisher"), [Gate(), Gate()]
    for number, gate in enumerate(gates):
        await (await transport.bus(f"app {number}")).consume(work_queue(), gate)
    for number in range(4):
        await publisher.publish(BINDINGS.name, KEY, text(str(number)))
    for gate in gates:
        await gate.arrival()
        gate.open()
    await eventually(lambda: sum(len(gate.finished) for gate in gates) == 4)
    everything = [body for gate in gates for body in bodies(gate.finished)]
    assert sorted(everything) == ["0", "1", "2", "3"]


async def test_a_busy_consumer_does_not_hold_up_an_idle_one(transport: Transport) -> None:
    publisher, busy, idle = await transport.bus("publisher"), Gate(), Gate()
    await (await transport.bus("busy")).consume(work_queue(), busy)
    await publisher.publish(BINDINGS.name, KEY, text("long"))
    await busy.arrival()
    await (await transport.bus("idle")).consume(work_queue(), idle)
    idle.open()
    for number in range(3):
        await publisher.publish(BINDINGS.name, KEY, text(str(number)))
    await eventually(lambda: len(idle.finished) == 3)
    assert bodies(idle.finished) == ["0", "1", "2"]


async def test_a_work_queue_keeps_messages_while_it_has_no_consumer(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await (await bus.consume(work_queue(), Inbox())).cancel()
    await bus.publish(BINDINGS.name, KEY, text("kept"))
    await bus.consume(work_queue(), inbox)
    assert (await inbox.next()).message.body == b"kept"


async def test_a_private_queue_is_gone_with_its_consumer(transport: Transport) -> None:
    bus = await transport.bus()
    subscription = await bus.consume(Queue(name="mine", kind=QueueKind.PRIVATE), Inbox())
    name = subscription.queue_name
    await subscription.cancel()
    with pytest.raises(BusError):
        await bus.publish("", name, text("x"))


async def test_cancel_takes_no_more_and_lets_running_handlers_end(transport: Transport) -> None:
    bus, gate, inbox = await transport.bus(), Gate(), Inbox()
    subscription = await bus.consume(work_queue(), gate)
    await bus.publish(BINDINGS.name, KEY, text("running"))
    await bus.publish(BINDINGS.name, KEY, text("waiting"))
    await gate.arrival()
    await subscription.cancel()
    assert not await subscription.drain(0.01)
    gate.open()
    assert await subscription.drain(PATIENCE_S)
    assert bodies(gate.finished) == ["running"]
    await bus.consume(work_queue(), inbox)
    delivery = await inbox.next()
    assert (delivery.message.body, delivery.redelivered) == (b"waiting", False)


async def test_what_was_handled_after_cancel_is_acknowledged(transport: Transport) -> None:
    leaving, staying = await transport.bus("leaving"), await transport.bus("staying")
    gate, inbox = Gate(), Inbox()
    subscription = await leaving.consume(work_queue(), gate)
    await staying.publish(BINDINGS.name, KEY, text("handled"))
    await gate.arrival()
    await subscription.cancel()
    gate.open()
    await subscription.drain(PATIENCE_S)
    await leaving.close()
    await staying.consume(work_queue(), inbox)
    await staying.publish(BINDINGS.name, KEY, text("next"))
    assert (await inbox.next()).message.body == b"next"


async def test_drain_is_done_at_once_when_nothing_runs(transport: Transport) -> None:
    bus = await transport.bus()
    subscription = await bus.consume(work_queue(), Inbox())
    await subscription.cancel()
    assert await subscription.drain(0)


async def test_cancel_may_be_repeated(transport: Transport) -> None:
    bus = await transport.bus()
    subscription = await bus.consume(work_queue(), Inbox())
    await subscription.cancel()
    await subscription.cancel()


async def test_a_queue_with_other_flags_is_refused_and_nobody_is_disturbed(
    transport: Transport,
) -> None:
    bus, inbox = await transport.bus(), Inbox()
    await bus.consume(work_queue(), inbox)
    other = Queue(name=work_queue().name, kind=QueueKind.SHARED)
    with pytest.raises(BusError, match=work_queue().name):
        await bus.consume(other, Inbox())
    await bus.publish(BINDINGS.name, KEY, text("x"))
    assert (await inbox.next()).redelivered is False
    assert bus.health.sessions == 1
    await transport.lose_session(bus)
    await bus.publish(BINDINGS.name, KEY, text("y"))
    await inbox.next()


async def test_a_handler_may_publish_call_and_consume(transport: Transport) -> None:
    bus, inbox, done = await transport.bus(), Inbox(), asyncio.Event()
    inner = Queue(name="inner", kind=QueueKind.PRIVATE)

    async def busy(_: Delivery) -> None:
        subscription = await bus.consume(inner, inbox)
        await bus.publish("", subscription.queue_name, text("from within"))
        await inbox.next()
        await subscription.cancel()
        done.set()

    await bus.consume(work_queue(), busy)
    await bus.publish(BINDINGS.name, KEY, text("go"))
    await asyncio.wait_for(done.wait(), PATIENCE_S)
