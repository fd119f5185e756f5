"""The socket below one connection: opened for the driver, watched, and cut when it has to be.

The driver notices a broker that says nothing any more after three heartbeats and three seconds at
the earliest. The broker itself gives up after two, and so does this.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any, Final, SupportsIndex

from aiormq.connection import SSLContextProvider, TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

SILENT_HEARTBEATS: Final = 2
"""A broker says something every half a heartbeat, so by then it has failed to four times."""
LOOKS: Final = 4
"""How often a heartbeat's time is looked whether something came."""
_BUFFER_BYTES: Final = 2**16
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Silence:
    """Counts the looks at which nothing new had come. Pure.

    Looks are counted and not time, as a process that was stopped, or was too busy to look, has not
    heard anything either.

    Args:
        heartbeat_s: seconds; the broker says something at least twice as often.
    """

    def __init__(self, heartbeat_s: float) -> None:
        self.look_s: Final = heartbeat_s / LOOKS
        self._looks = 0
        self._heard = 0

    def is_over_long(self, heard: int) -> bool:
        """Whether the other end must be taken for gone; to be asked every `look_s`.

        Args:
            heard: how often something has come until now.
        """
        self._looks = self._looks + 1 if heard == self._heard else 0
        self._heard = heard
        return self._looks >= SILENT_HEARTBEATS * LOOKS


class Socket(TransportFactory):
    """Opens one TCP or TLS connection for the driver, and keeps hold of it.

    Args:
        heartbeat_s: what is agreed on with the broker.
    """

    def __init__(self, heartbeat_s: int) -> None:
        self._heartbeat_s = heartbeat_s
        self._silence = Silence(heartbeat_s)
        self._reader: _Ear | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def create(
        self, url: URL, **kwargs: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect; called by the driver.

        Raises:
            AMQPConnectionError: there is no connection.
        """
        secrets: SSLContextProvider = kwargs.pop("ssl_context_provider")
        tls: SSLContext | None = await secrets.get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        reader = _Ear(limit=_BUFFER_BYTES, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.create_connection(
                lambda: protocol, str(url.host), url.port or 0, ssl=tls, **kwargs
            )
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        self._reader = reader
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._timer = loop.call_later(self._silence.look_s, self._look)
        return reader, self._writer

    def abort(self) -> None:
        """Close with a reset: otherwise the kernel goes on to send what it has taken."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writer is None or self._writer.transport.is_closing():
            return
        raw = self._writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()

    def _look(self) -> None:
        if self._reader is None or self._writer is None or self._writer.transport.is_closing():
            return
        if not self._silence.is_over_long(self._reader.heard):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._silence.look_s, self._look)
            return
        silent_s = SILENT_HEARTBEATS * self._heartbeat_s
        why = f"nothing was heard from the broker for {silent_s:g} s"
        self._reader.set_exception(ConnectionAbortedError(why))
        self.abort()


class _Ear(asyncio.StreamReader):
    """Counts how often something has come."""

    heard = 0

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self.heard += 1
        super().feed_data(data)
