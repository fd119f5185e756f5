"""What becomes of a message that no consumer can finish."""

from __future__ import annotations

import asyncio

import pytest

from tasks_bindings.bus import Bus, Delivery, Message
from tasks_bindings.wire.topology import (
    BINDINGS,
    DEAD,
    DEAD_QUEUE,
    DELIVERY_LIMIT,
    Binding,
    Queue,
    QueueKind,
)
from tests.contract.bus.conftest import Transport
from tests.contract.bus.kit import KEY, Gate, Inbox, eventually, text, work_queue


class UnusableError(Exception):
    """What a handler raises on a message that it cannot use."""


async def refuse(delivery: Delivery) -> None:
    raise UnusableError(delivery.message.body.decode())


async def graveyard(bus: Bus) -> Inbox:
    inbox = Inbox()
    await bus.consume(DEAD_QUEUE, inbox)
    return inbox


async def test_a_message_whose_handler_raises_is_dead_as_rejected(transport: Transport) -> None:
    bus = await transport.bus()
    dead = await graveyard(bus)
    await bus.consume(work_queue(), refuse)
    sent = Message(
        body=b"bad", type="batch", correlation_id="c1", reply_to="r1", headers={"attempt": 1}
    )
    await bus.publish(BINDINGS.name, KEY, sent)
    letter = await dead.next()
    assert letter.message == sent
    assert letter.death_reason == "rejected"
    assert (letter.exchange, letter.routing_key) == (DEAD.name, KEY)


async def test_a_handler_that_raises_goes_on_with_the_next_message(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    dead = await graveyard(bus)

    async def choosy(delivery: Delivery) -> None:
        if delivery.message.body == b"bad":
            raise UnusableError
        await inbox(delivery)

    await bus.consume(work_queue(), choosy)
    for body in ("bad", "good", "bad", "better"):
        await bus.publish(BINDINGS.name, KEY, text(body))
    assert [(await inbox.next()).message.body for _ in range(2)] == [b"good", b"better"]
    assert [(await dead.next()).death_reason for _ in range(2)] == ["rejected"] * 2


async def test_a_message_is_redelivered_with_a_count_and_dies_at_the_limit(
    transport: Transport,
) -> None:
    watcher, app, gate = await transport.bus("watcher"), await transport.bus("app"), Gate()
    dead = await graveyard(watcher)
    await app.consume(work_queue(), gate)
    await watcher.publish(BINDINGS.name, KEY, text("poison"))
    seen = []
    for _ in range(DELIVERY_LIMIT + 1):
        delivery = await gate.arrival()
        seen.append((delivery.deliveries, delivery.redelivered))
        await transport.lose_session(app)
    assert seen == [(number, number > 0) for number in range(DELIVERY_LIMIT + 1)]
    letter = await dead.next()
    assert (letter.message.body, letter.death_reason) == (b"poison", "delivery_limit")
    assert letter.routing_key == KEY


async def test_a_shared_queue_redelivers_without_a_limit(transport: Transport) -> None:
    bus, gate = await transport.bus(), Gate()
    shared = Queue(
        name="kztasks.shared", kind=QueueKind.SHARED, bindings=(Binding(BINDINGS.name, KEY),)
    )
    await bus.consume(shared, gate)
    await bus.publish(BINDINGS.name, KEY, text("again"))
    for number in range(DELIVERY_LIMIT + 2):
        delivery = await gate.arrival()
        assert (delivery.redelivered, delivery.deliveries) == (number > 0, 0)
        await transport.lose_session(bus)


async def test_a_message_that_waited_too_long_is_dead_as_expired(transport: Transport) -> None:
    bus, inbox = await transport.bus(), Inbox()
    dead = await graveyard(bus)
    await (await bus.consume(work_queue(), Inbox())).cancel()
    await bus.publish(BINDINGS.name, KEY, text("stale", expires_ms=30))
    letter = await dead.next()
    assert (letter.message.body, letter.death_reason) == (b"stale", "expired")
    assert letter.message.expires_ms is None
    await bus.consume(work_queue(), inbox)
    await bus.publish(BINDINGS.name, KEY, text("fresh", expires_ms=30_000))
    assert (await inbox.next()).message.body == b"fresh"


async def test_a_message_does_not_expire_in_its_handler(transport: Transport) -> None:
    bus, gate = await transport.bus(), Gate()
    dead = await graveyard(bus)
    await bus.consume(work_queue(prefetch=1), gate)
    await bus.publish(BINDINGS.name, KEY, text("held", expires_ms=200))
    await gate.arrival()
    await bus.publish(BINDINGS.name, KEY, text("behind it", expires_ms=200))
    assert (await dead.next()).message.body == b"behind it"
    gate.open()
    await eventually(lambda: len(gate.finished) == 1)
    assert dead.is_empty


@pytest.mark.parametrize("kind", [QueueKind.SHARED, QueueKind.PRIVATE])
async def test_only_work_queues_have_dead_letters(transport: Transport, kind: QueueKind) -> None:
    bus = await transport.bus()
    dead = await graveyard(bus)
    other = Queue(name="other", kind=kind, bindings=(Binding(BINDINGS.name, "other.key"),))
    await bus.consume(other, refuse)
    await bus.consume(work_queue(), refuse)
    await bus.publish(BINDINGS.name, "other.key", text("dropped"))
    await bus.publish(BINDINGS.name, KEY, text("buried"))
    assert (await dead.next()).message.body == b"buried"
    assert dead.is_empty


async def test_each_dead_letter_is_told_to_one_of_those_who_share_the_queue(
    transport: Transport,
) -> None:
    first, second = await transport.bus("first"), await transport.bus("second")
    graves = [await graveyard(first), await graveyard(second)]
    await first.consume(work_queue(prefetch=4), refuse)
    for number in range(4):
        await first.publish(BINDINGS.name, KEY, text(str(number)))
    letters: list[bytes] = []
    while len(letters) < 4:
        waiting = [asyncio.create_task(grave.next()) for grave in graves]
        done, late = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        letters += [task.result().message.body for task in done]
    assert sorted(letters) == [b"0", b"1", b"2", b"3"]
