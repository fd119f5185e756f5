"""Buses on the private RabbitMQ node, with a proxy in between where a test wants to break it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tasks_bindings.bus.amqp import AmqpBus
from tests.contract.bus.kit import PATIENCE_S
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.tcp_proxy import TcpProxy

Connect = Callable[..., Awaitable[AmqpBus]]


@pytest.fixture
async def connect(amqp_url: str) -> AsyncIterator[Connect]:
    """Opens a bus with a session; by its name, and with a URL other than the node's if given."""
    buses: list[AmqpBus] = []

    async def opened(
        name: str = "client", url: str = amqp_url, *, heartbeat_s: int = 20
    ) -> AmqpBus:
        bus = AmqpBus(url, name=name, heartbeat_s=heartbeat_s)
        buses.append(bus)
        await bus.start()
        await bus.wait_ready(PATIENCE_S)
        return bus

    yield opened
    for bus in buses:
        await bus.close()


@pytest.fixture
async def proxy(rabbitmq: Rabbitmq) -> AsyncIterator[TcpProxy]:
    """A way to the node that can be broken."""
    proxy = TcpProxy(rabbitmq.ports.amqp)
    await proxy.start()
    yield proxy
    await proxy.close()


@pytest.fixture
def proxied_url(rabbitmq: Rabbitmq, amqp_url: str, proxy: TcpProxy) -> str:
    """The test's virtual host, through the proxy."""
    return amqp_url.replace(f":{rabbitmq.ports.amqp}/", f":{proxy.port}/")
