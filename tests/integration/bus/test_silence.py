"""A connection whose other end is gone without a word is noticed by its silence."""

from __future__ import annotations

import asyncio
import time

import pytest

from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.errors import BusUnavailable
from tasks_bindings.wire.topology import BINDINGS
from tests.contract.bus.kit import KEY, PATIENCE_S, Gate, Inbox, eventually, text, work_queue
from tests.integration.bus.conftest import Connect
from tests.servers.tcp_pipe import Direction
from tests.servers.tcp_proxy import TcpProxy

pytestmark = pytest.mark.rabbitmq

HEARTBEAT_S = 1
NOTICED_S = 2 * HEARTBEAT_S + 1.0
"""Two heartbeats, a quarter of one until somebody looks, and time for a busy machine."""


async def test_a_consumer_whose_broker_forgot_it_is_back_after_two_heartbeats(
    connect: Connect, proxy: TcpProxy, proxied_url: str
) -> None:
    app, publisher, inbox = (
        await connect("app", proxied_url, heartbeat_s=HEARTBEAT_S),
        await connect("publisher"),
        Inbox(),
    )
    await app.consume(work_queue(), inbox)
    began = time.monotonic()
    proxy.half_open(told=Direction.UP)
    await eventually(lambda: not app.is_ready)
    assert time.monotonic() - began < NOTICED_S
    await app.wait_ready(PATIENCE_S)
    await publisher.publish(BINDINGS.name, KEY, text("x"))
    await inbox.next()


async def test_a_call_fails_when_nothing_comes_from_the_broker_for_two_heartbeats(
    connect: Connect, proxy: TcpProxy, proxied_url: str
) -> None:
    client, server, gate = (
        await connect("client", proxied_url, heartbeat_s=HEARTBEAT_S),
        await connect("server"),
        Gate(),
    )
    await server.consume(work_queue(), gate)
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        await gate.arrival()
        began = time.monotonic()
        proxy.pause(Direction.DOWN)
        with pytest.raises(BusUnavailable, match="nothing was heard from the broker for 2 s"):
            await call.receive(30)
        assert time.monotonic() - began < NOTICED_S
    proxy.resume()
    await client.wait_ready(PATIENCE_S)
    gate.open()


async def test_a_quiet_connection_is_no_silent_one(amqp_url: str) -> None:
    bus = AmqpBus(amqp_url, name="quiet", heartbeat_s=HEARTBEAT_S)
    await bus.start()
    await bus.wait_ready(PATIENCE_S)
    await asyncio.sleep(4 * HEARTBEAT_S)
    assert (bus.is_ready, bus.health.sessions) == (True, 1)
    await bus.close()
