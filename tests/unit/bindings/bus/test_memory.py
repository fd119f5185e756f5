"""What only the in-process bus has: knobs for tests, and a broker that can be looked into."""

from __future__ import annotations

import asyncio

import pytest

from tasks_bindings.bus import Delivery, Message
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tasks_bindings.errors import BusUnavailable
from tasks_bindings.wire.topology import BINDINGS, DEAD_QUEUE, Queue, QueueKind
from tests.contract.bus.kit import KEY, Gate, Inbox, replier, text, work_queue


async def connected(broker: MemoryBroker) -> MemoryBus:
    bus = MemoryBus(broker)
    await bus.start()
    return bus


async def test_settled_waits_for_all_that_follows_from_a_message() -> None:
    broker = MemoryBroker()
    bus, last = await connected(broker), Inbox()

    async def hand_on(delivery: Delivery) -> None:
        await bus.publish(BINDINGS.name, "second", delivery.message)

    await bus.consume(work_queue("first", name="one"), hand_on)
    await bus.consume(work_queue("second", name="two"), last)
    for number in range(5):
        await bus.publish(BINDINGS.name, "first", text(str(number)))
    await broker.settled()
    assert [(await last.next()).message.body for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    await bus.close()


async def test_a_broker_without_messages_is_settled() -> None:
    await asyncio.wait_for(MemoryBroker().settled(), 1)


async def test_a_message_that_nobody_consumes_is_not_settled_until_it_expires() -> None:
    broker = MemoryBroker()
    bus = await connected(broker)
    await (await bus.consume(work_queue(), Inbox())).cancel()
    await bus.publish(BINDINGS.name, KEY, text("x", expires_ms=20))
    settling = asyncio.create_task(broker.settled())
    await asyncio.sleep(0)
    assert not settling.done()
    await asyncio.wait_for(settling, 5)
    assert [letter.death_reason for letter in broker.dead_letters] == ["expired"]
    await bus.close()


async def test_a_handler_that_outlives_its_session_is_waited_for() -> None:
    broker, gate = MemoryBroker(), Gate()
    bus = await connected(broker)
    subscription = await bus.consume(Queue(name="mine", kind=QueueKind.PRIVATE), gate)
    await bus.publish("", subscription.queue_name, text("gone with its queue"))
    await gate.arrival()
    bus.disconnect()
    settling = asyncio.create_task(broker.settled())
    await asyncio.sleep(0)
    assert not settling.done()
    gate.open()
    await asyncio.wait_for(settling, 5)
    await bus.close()


async def test_dead_letters_can_be_looked_at_without_a_consumer() -> None:
    broker = MemoryBroker()
    bus = await connected(broker)

    async def refuse(_: Delivery) -> None:
        raise ValueError

    await bus.consume(work_queue(), refuse)
    await bus.publish(BINDINGS.name, KEY, text("bad"))
    await broker.settled()
    [letter] = broker.dead_letters
    assert (letter.message.body, letter.death_reason) == (b"bad", "rejected")
    await bus.close()


async def test_a_dead_letter_waits_for_who_reads_them() -> None:
    broker, dead = MemoryBroker(), Inbox()
    bus = await connected(broker)
    await (await bus.consume(DEAD_QUEUE, Inbox())).cancel()
    await (await bus.consume(work_queue(), Inbox())).cancel()
    await bus.publish(BINDINGS.name, KEY, text("late", expires_ms=0))
    await bus.consume(DEAD_QUEUE, dead)
    assert (await dead.next()).death_reason == "expired"
    await bus.close()


async def test_a_session_can_stay_away_for_a_while() -> None:
    bus = await connected(MemoryBroker())
    bus.disconnect(for_s=30)
    assert not bus.is_ready
    with pytest.raises(BusUnavailable):
        await bus.publish(BINDINGS.name, KEY, text("x"))
    with pytest.raises(BusUnavailable, match="on purpose"):
        await bus.wait_ready(0.01)
    await bus.close()


async def test_headers_are_the_receivers_own() -> None:
    bus, inbox = await connected(MemoryBroker()), Inbox()
    await bus.consume(work_queue(), inbox)
    headers: dict[str, str | int] = {"attempt": 1}
    await bus.publish(BINDINGS.name, KEY, Message(body=b"", headers=headers))
    headers["attempt"] = 2
    assert (await inbox.next()).message.headers == {"attempt": 1}
    await bus.close()


async def test_two_brokers_have_nothing_in_common() -> None:
    one, other = await connected(MemoryBroker()), await connected(MemoryBroker())
    inbox = Inbox()
    await one.consume(work_queue(), inbox)
    await other.publish(BINDINGS.name, KEY, text("elsewhere"), mandatory=False)
    await one.publish(BINDINGS.name, KEY, text("here"))
    assert (await inbox.next()).message.body == b"here"
    await one.close()
    await other.close()


async def test_many_buses_come_and_go_without_leaving_queues_behind() -> None:
    broker = MemoryBroker()
    server = await connected(broker)
    await server.consume(work_queue(prefetch=10), replier(server))
    for _ in range(20):
        client = await connected(broker)
        async with client.call(BINDINGS.name, KEY, text("x")) as call:
            await call.receive(1)
        await client.close()
    assert len(broker._queues) == 2  # the work queue, and the server's queue for replies
    await server.close()
