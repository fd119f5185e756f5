"""Both transports under one name: every case of the contract runs on each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from tasks_bindings.bus import Bus
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tests.contract.bus.kit import PATIENCE_S, eventually
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.tcp_proxy import TcpProxy


class Transport(Protocol):
    """A broker, and ways to it that can be broken."""

    def client(self, name: str = "client") -> Bus:
        """A bus that was not started."""
        ...

    async def bus(self, name: str = "client") -> Bus:
        """A bus with a session."""
        ...

    def cut(self, bus: Bus) -> None:
        """Break the bus's connections."""
        ...

    async def lose_session(self, bus: Bus) -> None:
        """Break the bus's connections, and wait for its next session."""
        ...

    async def close(self) -> None:
        """Close everything."""
        ...


class _Common:
    def __init__(self) -> None:
        self._buses: list[Bus] = []

    async def _started(self, bus: Bus) -> Bus:
        await bus.start()
        await bus.wait_ready(PATIENCE_S)
        return bus

    async def _renewed(self, bus: Bus, sessions: int) -> None:
        await eventually(lambda: bus.health.sessions > sessions)
        await bus.wait_ready(PATIENCE_S)


class MemoryTransport(_Common):
    def __init__(self) -> None:
        super().__init__()
        self._broker = MemoryBroker()

    def client(self, name: str = "client") -> Bus:
        bus = MemoryBus(self._broker, name=name)
        self._buses.append(bus)
        return bus

    async def bus(self, name: str = "client") -> Bus:
        return await self._started(self.client(name))

    def cut(self, bus: Bus) -> None:
        assert isinstance(bus, MemoryBus)
        bus.disconnect()

    async def lose_session(self, bus: Bus) -> None:
        sessions = bus.health.sessions
        self.cut(bus)
        await self._renewed(bus, sessions)

    async def close(self) -> None:
        for bus in self._buses:
            await bus.close()


class AmqpTransport(_Common):
    def __init__(self, node: Rabbitmq, url: str) -> None:
        super().__init__()
        self._node = node
        self._url = url
        self._proxies: dict[Bus, TcpProxy] = {}

    def client(self, name: str = "client") -> Bus:
        bus = AmqpBus(self._url, name=name)
        self._buses.append(bus)
        return bus

    async def bus(self, name: str = "client") -> Bus:
        proxy = TcpProxy(self._node.ports.amqp)
        await proxy.start()
        bus = AmqpBus(self._url.replace(f":{self._node.ports.amqp}/", f":{proxy.port}/"), name=name)
        self._buses.append(bus)
        self._proxies[bus] = proxy
        return await self._started(bus)

    def cut(self, bus: Bus) -> None:
        self._proxies[bus].reset()

    async def lose_session(self, bus: Bus) -> None:
        sessions = bus.health.sessions
        self.cut(bus)
        await self._renewed(bus, sessions)

    async def close(self) -> None:
        await asyncio.gather(*(bus.close() for bus in self._buses))
        await asyncio.gather(*(proxy.close() for proxy in self._proxies.values()))


@pytest.fixture(params=["memory", pytest.param("amqp", marks=pytest.mark.rabbitmq)])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """One of the two, empty."""
    made: Transport
    if request.param == "memory":
        made = MemoryTransport()
    else:
        url = request.getfixturevalue("amqp_url")
        made = AmqpTransport(request.getfixturevalue("rabbitmq"), url)
    yield made
    await made.close()
