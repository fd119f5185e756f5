"""How sessions on RabbitMQ are lost, and that each of the ways ends in a whole new one."""

from __future__ import annotations

import asyncio
import time

import pytest

from tasks_bindings.bus import SessionState
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.errors import BusError, BusUnavailable, PublishTimeout, Unroutable
from tasks_bindings.wire.topology import (
    BINDINGS,
    KAZOO_TASKS,
    Binding,
    Queue,
    QueueKind,
)
from tests.contract.bus.kit import (
    KEY,
    PATIENCE_S,
    Gate,
    Inbox,
    answer,
    eventually,
    text,
    work_queue,
)
from tests.integration.bus.conftest import Connect
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.tcp_proxy import TcpProxy

pytestmark = pytest.mark.rabbitmq


async def port_is_open(port: int) -> None:
    """Wait until somebody listens there."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            await writer.wait_closed()
            return


async def test_buses_are_back_within_three_seconds_of_a_restarted_broker(
    rabbitmq: Rabbitmq, connect: Connect
) -> None:
    client, server, gate = await connect("client"), await connect("server"), Gate()
    kazoo = Inbox()
    await server.consume(work_queue(), gate)
    requests = Queue(
        name="kazoo", kind=QueueKind.SHARED, bindings=(Binding(KAZOO_TASKS.name, "tasks.start"),)
    )
    await server.consume(requests, kazoo)
    async with client.call(BINDINGS.name, KEY, text("survives")) as call:
        await gate.arrival()
        stopping = asyncio.create_task(asyncio.to_thread(rabbitmq.stop_app))
        with pytest.raises(BusUnavailable):
            await call.receive(30)
        await stopping
    assert client.health.state is SessionState.CONNECTING
    with pytest.raises(BusUnavailable):
        await client.publish(BINDINGS.name, KEY, text("x"))
    starting = asyncio.create_task(asyncio.to_thread(rabbitmq.start_app))
    await port_is_open(rabbitmq.ports.amqp)
    opened = time.monotonic()
    await client.wait_ready(PATIENCE_S)
    await server.wait_ready(PATIENCE_S)
    assert time.monotonic() - opened < 3
    await starting
    again = await gate.arrival()
    assert (again.message.body, again.redelivered) == (b"survives", True)
    await client.publish(KAZOO_TASKS.name, "tasks.start", text("exchanges are back too"))
    await kazoo.next()
    gate.open()


async def test_work_survives_a_killed_broker(rabbitmq: Rabbitmq, connect: Connect) -> None:
    bus, inbox = await connect(), Inbox()
    await (await bus.consume(work_queue(), Inbox())).cancel()
    for number in range(20):
        await bus.publish(BINDINGS.name, KEY, text(str(number)))
    await asyncio.to_thread(rabbitmq.sync_directory)
    await asyncio.to_thread(rabbitmq.kill)
    await eventually(lambda: not bus.is_ready)
    await asyncio.to_thread(rabbitmq.start)
    await bus.wait_ready(PATIENCE_S)
    await bus.consume(work_queue(), inbox)
    assert [(await inbox.next()).message.body for _ in range(20)] == [
        str(number).encode() for number in range(20)
    ]


async def test_a_pending_call_fails_at_once_when_the_broker_closes_connections(
    rabbitmq: Rabbitmq, connect: Connect, amqp_url: str
) -> None:
    client, server, gate = await connect("client"), await connect("server"), Gate()
    await server.consume(work_queue(), gate)
    close_all = ("close_all_connections", "--vhost", amqp_url.rpartition("/")[2], "maintenance")
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        await gate.arrival()
        closing = asyncio.create_task(asyncio.to_thread(rabbitmq.ctl, *close_all))
        with pytest.raises(BusUnavailable):
            await call.receive(30)
        await closing
    again = await gate.arrival()
    assert again.redelivered
    gate.open()
    await eventually(lambda: len(gate.finished) == 2)


async def test_a_consumer_that_the_broker_cancels_is_rebuilt_with_its_queue(
    rabbitmq: Rabbitmq, connect: Connect, amqp_url: str
) -> None:
    bus, inbox = await connect(), Inbox()
    await bus.consume(work_queue(), inbox)
    vhost = amqp_url.rpartition("/")[2]
    await asyncio.to_thread(rabbitmq.ctl, "delete_queue", "--vhost", vhost, work_queue().name)
    await eventually(lambda: bus.is_ready and bus.health.sessions == 2)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await inbox.next()
    assert bus.health.last_error is not None
    assert "cancelled" in bus.health.last_error


async def test_a_channel_that_ends_takes_the_session_with_it(connect: Connect) -> None:
    bus, gate = await connect(), Gate()
    subscription = await bus.consume(work_queue(), gate)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await gate.arrival()
    assert subscription.consumer is not None
    await subscription.consumer._wire.basic_ack(delivery_tag=999)
    assert (await gate.arrival()).redelivered
    assert bus.health.sessions == 2
    gate.open()


async def test_a_cancelled_consumer_leaves_no_channel_behind(
    rabbitmq: Rabbitmq, connect: Connect, amqp_url: str
) -> None:
    bus, gate = await connect(), Gate()
    for number in range(5):
        subscription = await bus.consume(work_queue(), gate)
        await bus.publish(BINDINGS.name, KEY, text(str(number)))
        await gate.arrival()
        await subscription.cancel()
    gate.open()
    await eventually(lambda: len(gate.finished) == 5)
    vhost = amqp_url.rpartition("/")[2]
    for _ in range(20):
        listed = await asyncio.to_thread(rabbitmq.ctl, "list_channels", "vhost", "number")
        rows = [line.split() for line in listed.splitlines()]
        numbers = [row[1] for row in rows if row[0] == vhost]
        if numbers == ["1", "1"]:
            break
    assert numbers == ["1", "1"]
    assert bus.health.sessions == 1


async def test_refused_declarations_disturb_no_running_handler(connect: Connect) -> None:
    bus, gate = await connect(), Gate()
    await bus.consume(work_queue(prefetch=3), gate)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await gate.arrival()
    for _ in range(3):
        with pytest.raises(BusError, match="PRECONDITION_FAILED"):
            await bus.consume(Queue(name=work_queue().name, kind=QueueKind.SHARED), Inbox())
        nowhere = Queue(
            name="nowhere", kind=QueueKind.SHARED, bindings=(Binding("no.such.exchange", "x"),)
        )
        with pytest.raises(BusError, match="NOT_FOUND"):
            await bus.consume(nowhere, Inbox())
    gate.open()
    await eventually(lambda: len(gate.finished) == 1)
    await bus.publish(BINDINGS.name, KEY, text("y"))
    assert (await gate.arrival()).message.body == b"y"
    assert bus.health.sessions == 1


async def test_each_session_has_a_reply_queue_of_its_own(
    connect: Connect, proxy: TcpProxy, proxied_url: str
) -> None:
    client, server, gate = await connect("client", proxied_url), await connect("server"), Gate()
    await server.consume(work_queue(prefetch=5), gate)
    addresses = []
    for number in range(3):
        async with client.call(BINDINGS.name, KEY, text(str(number))):
            addresses.append((await gate.arrival()).message.reply_to)
        proxy.reset()
        await eventually(lambda sessions=number + 2: client.health.sessions == sessions)  # type: ignore[misc]
    assert len(set(addresses)) == 3


async def test_a_message_that_was_not_confirmed_in_time_is_not_sent_later(
    connect: Connect, proxy: TcpProxy, proxied_url: str
) -> None:
    publisher, app, inbox = await connect("publisher", proxied_url), await connect("app"), Inbox()
    await app.consume(work_queue(), inbox)
    await publisher.publish(BINDINGS.name, KEY, text("before"))
    proxy.pause()
    begun = time.monotonic()
    with pytest.raises(PublishTimeout):
        await publisher.publish(BINDINGS.name, KEY, text("given up"), timeout=0.2)
    assert 0.1 < time.monotonic() - begun < 1
    assert not publisher.is_ready
    await eventually(lambda: proxy.resets_seen >= 2)
    proxy.resume()
    await publisher.wait_ready(PATIENCE_S)
    await publisher.publish(BINDINGS.name, KEY, text("after"))
    assert [(await inbox.next()).message.body for _ in range(2)] == [b"before", b"after"]
    assert inbox.is_empty


async def test_what_the_broker_does_not_answer_is_consumed_in_the_next_session(
    connect: Connect, proxy: TcpProxy, proxied_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, inbox = await connect("client", proxied_url), Inbox()
    monkeypatch.setattr("tasks_bindings.bus.amqp.session.SERVE_TIMEOUT_S", 0.2)
    proxy.pause()
    async with asyncio.timeout(3):
        await bus.consume(work_queue(), inbox)
    assert not bus.is_ready
    monkeypatch.undo()
    proxy.resume()
    await bus.wait_ready(PATIENCE_S)
    await bus.publish(BINDINGS.name, KEY, text("x"))
    await inbox.next()


async def test_a_pending_call_fails_when_a_publish_of_another_times_out(
    connect: Connect, proxy: TcpProxy, proxied_url: str
) -> None:
    client, server, gate = await connect("client", proxied_url), await connect("server"), Gate()
    await server.consume(work_queue(), gate)
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        request = await gate.arrival()
        proxy.pause()
        with pytest.raises(PublishTimeout):
            await client.publish(BINDINGS.name, KEY, text("y"), timeout=0.1)
        with pytest.raises(BusUnavailable):
            await asyncio.wait_for(call.receive(30), 1)
        proxy.resume()
    await client.wait_ready(PATIENCE_S)
    await eventually_unroutable(server, request.message.reply_to or "")
    gate.open()


async def eventually_unroutable(bus: AmqpBus, key: str) -> None:
    """Wait until the broker has no queue of that name any more."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await bus.publish("", key, text("x"))
            except Unroutable:
                return


async def test_an_alarm_of_the_broker_costs_time_and_nothing_else(
    rabbitmq: Rabbitmq, connect: Connect
) -> None:
    publisher, app, gate, inbox = await connect("publisher"), await connect("app"), Gate(), Inbox()
    await app.consume(work_queue(), gate)
    await app.consume(work_queue("other.key", name="kztasks.app.other", prefetch=5), inbox)
    await publisher.publish(BINDINGS.name, KEY, text("running"))
    request = await gate.arrival()
    await asyncio.to_thread(rabbitmq.ctl, "set_vm_memory_high_watermark", "0.0000001")
    try:
        sent = asyncio.create_task(
            publisher.publish(BINDINGS.name, "other.key", text("sent"), timeout=1.5)
        )
        await eventually(lambda: publisher.health.blocked)
        with pytest.raises(BusUnavailable, match="alarm"):
            await publisher.publish(BINDINGS.name, "other.key", text("held back"), timeout=0.1)
        assert publisher.is_ready
        with pytest.raises(PublishTimeout):
            await sent
        assert not publisher.is_ready
        assert app.is_ready
    finally:
        await asyncio.to_thread(rabbitmq.ctl, "set_vm_memory_high_watermark", "0.4")
    await publisher.wait_ready(PATIENCE_S)
    assert not publisher.health.blocked
    await publisher.publish(BINDINGS.name, "other.key", text("after"))
    arrived = []
    while b"after" not in arrived:
        arrived.append((await inbox.next()).message.body)
    assert arrived[-1] == b"after"
    assert b"held back" not in arrived
    assert request.deliveries == 0
    gate.open()
    await eventually(lambda: len(gate.finished) == 1)
    assert app.health.sessions == 1


async def test_there_is_no_session_while_the_broker_takes_no_messages(
    rabbitmq: Rabbitmq, connect: Connect, proxy: TcpProxy, proxied_url: str
) -> None:
    bus = await connect("app", proxied_url)
    await asyncio.to_thread(rabbitmq.ctl, "set_vm_memory_high_watermark", "0.0000001")
    try:
        proxy.reset()
        await eventually(lambda: not bus.is_ready)
        with pytest.raises(BusUnavailable):
            await bus.wait_ready(1)
    finally:
        await asyncio.to_thread(rabbitmq.ctl, "set_vm_memory_high_watermark", "0.4")
    await bus.wait_ready(3)


@pytest.mark.parametrize("turns", range(12))
async def test_a_bus_can_be_closed_at_any_moment_of_a_loss(amqp_url: str, turns: int) -> None:
    bus = AmqpBus(amqp_url, name="closing")
    await bus.consume(work_queue(), Inbox())
    await bus.start()
    await bus.wait_ready(PATIENCE_S)
    session = bus._supervisor.session
    assert session is not None
    session.fail("lost on purpose")
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        await bus.close()
    mine = {asyncio.current_task()}
    await eventually(lambda: asyncio.all_tasks() == mine)


# The driver leaves tasks of its own to the garbage collector then, which complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("turns", range(0, 12, 3))
def test_a_loop_that_ends_without_closing_its_bus_is_not_held_up(amqp_url: str, turns: int) -> None:
    async def forget_to_close() -> None:
        bus = AmqpBus(amqp_url, name="forgotten")
        await bus.consume(work_queue(), Inbox())
        await bus.start()
        await bus.wait_ready(PATIENCE_S)
        if turns:
            session = bus._supervisor.session
            assert session is not None
            session.fail("lost on purpose")
        for _ in range(turns):
            await asyncio.sleep(0)

    begun = time.monotonic()
    asyncio.run(forget_to_close())
    assert time.monotonic() - begun < 5


async def test_acknowledgements_are_sent_before_a_bus_is_closed(connect: Connect) -> None:
    publisher, inbox = await connect("publisher"), Inbox()
    for number in range(10):
        app, handled = await connect("app"), Inbox()
        subscription = await app.consume(work_queue(prefetch=20), handled)
        for _ in range(20):
            await publisher.publish(BINDINGS.name, KEY, text(str(number)))
        for _ in range(20):
            await handled.next()
        await subscription.cancel()
        await subscription.drain(PATIENCE_S)
        await app.close()
    await publisher.consume(work_queue(), inbox)
    await publisher.publish(BINDINGS.name, KEY, text("the only one left"))
    assert (await inbox.next()).message.body == b"the only one left"


async def test_an_answer_reaches_a_client_whose_server_lost_its_session(
    connect: Connect, proxy: TcpProxy, proxied_url: str
) -> None:
    client, server, gate = await connect("client"), await connect("server", proxied_url), Gate()
    await server.consume(work_queue(), gate)
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        request = await gate.arrival()
        proxy.reset()
        await eventually(lambda: server.is_ready and server.health.sessions == 2)
        await answer(server, request, "still here")
        assert (await call.receive(PATIENCE_S)).message.body == b"still here"
    gate.open()
