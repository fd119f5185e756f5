"""One TCP connection to the broker, that can be cut at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel
from aiormq.abc import AbstractConnection
from yarl import URL

from tasks_bindings.bus.amqp.tcp import Socket
from tasks_bindings.errors import BusUnavailable

CLOSE_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the broker is, and how to connect to it."""

    url: URL = field(repr=False)
    name: str
    heartbeat_s: int
    connect_timeout_s: float
    ssl_context: SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.url.host}:{self.url.explicit_port or 'default port'}{self.url.raw_path}"


class Link:
    """An open connection. The driver closes politely, for up to a minute; a link can be cut."""

    def __init__(self, connection: aio_pika.Connection, tcp: Socket) -> None:
        self._connection = connection
        self._tcp = tcp

    @classmethod
    async def open(cls, address: Address, purpose: str) -> Link:
        """Connect.

        Args:
            address: where to.
            purpose: a word for the connection's name, which operators see at the broker.

        Raises:
            Exception: any of the driver's, or `TimeoutError`.
        """
        connection = aio_pika.Connection(
            address.url.update_query(heartbeat=address.heartbeat_s),
            ssl_context=address.ssl_context,
            client_properties={"connection_name": f"{address.name} {purpose}"},
        )
        tcp = Socket(address.heartbeat_s)
        connection.kwargs["transport_factory"] = tcp
        link = cls(connection, tcp)
        try:
            await connection.connect(timeout=address.connect_timeout_s)
        except BaseException:
            await link.close()
            raise
        return link

    async def channel(self, *, confirms: bool = False) -> AbstractChannel:
        """Open a channel; with `confirms`, publishing on it waits for the broker, or raises."""
        channel = self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        await channel.initialize()
        return channel

    @property
    def closing(self) -> asyncio.Future[Any]:
        """Done when the connection ends, for whatever reason."""
        return self._wire.closing

    @property
    def broker_version(self) -> str:
        """The version that the broker says it has."""
        return str((self._wire.server_properties or {}).get("version", "unknown"))

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes no messages on this connection (`connection.blocked`)."""
        return not _is_done_at_once(self._wire.ready())

    async def unblocked(self) -> None:
        """Wait until the broker takes messages."""
        await self._wire.ready()

    def cut(self) -> None:
        """Drop the connection now, with all that is still to be sent."""
        self._tcp.abort()

    async def close(self) -> None:
        """Say goodbye to the broker, for `CLOSE_TIMEOUT_S` at most, then cut."""
        transport = self._connection.transport
        if transport is None:
            await self._connection.close()
            return
        await bounded(transport.connection.close(), timeout=CLOSE_TIMEOUT_S)
        self.cut()
        # aio-pika's close waits for its own callback, for ever when that was cancelled, as it is
        # when the loop ends. So it is called only when there is nothing left to wait for.
        is_told = transport.close_callback.finished
        await bounded(is_told.wait(), timeout=CLOSE_TIMEOUT_S)
        if is_told.is_set():
            await self._connection.close()

    @property
    def _wire(self) -> AbstractConnection:
        transport = self._connection.transport
        if transport is None:
            raise BusUnavailable("the connection is closed")
        return transport.connection


async def bounded(*works: Awaitable[Any], timeout: float) -> None:
    """Run works of the driver's to their end, whatever it is, for `timeout` seconds at most."""
    tasks = [asyncio.ensure_future(work) for work in works]
    if not tasks:
        return
    try:
        await asyncio.wait(tasks, timeout=timeout)
    finally:
        for task in tasks:
            task.cancel()
            task.add_done_callback(_look_at_outcome)


def _look_at_outcome(task: asyncio.Future[Any]) -> None:
    """Or the loop complains that nobody did."""
    if not task.cancelled():
        task.exception()


def _is_done_at_once(work: Coroutine[Any, Any, Any]) -> bool:
    """Whether a coroutine ends without waiting for anything; it is not run any further."""
    try:
        work.send(None)
    except StopIteration:
        return True
    finally:
        work.close()
    return False
