"""A TCP proxy in the test's own loop, whose connections can be broken as a network breaks them."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_CHUNK: Final = 65536


class TcpProxy:
    """Listens on a port of its own and passes bytes to and from one server on loopback."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.resets_seen = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    async def start(self, port: int = 0) -> None:
        """Listen; without a `port`, on one that is known then."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Break what is open, and listen no more."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Break every open connection at both ends, with a TCP reset."""
        for pipe in self._pipes:
            _reset(pipe.sink)

    def pause(self) -> None:
        """Be a network that loses every packet: ends notice nothing, and nothing arrives."""
        self._flows.clear()

    def resume(self) -> None:
        """Be a network again: what was sent arrives now, unless its connection was reset."""
        self._flows.set()
        for pipe in self._pipes:
            pipe.flush()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, upstream[1]), (upstream[0], writer)):
            pipe = _Pipe(source, sink, self._flows)
            self._pipes.add(pipe)
            task = asyncio.create_task(self._run(pipe))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, pipe: _Pipe) -> None:
        try:
            await pipe.run()
        except OSError:
            self.resets_seen += 1
        finally:
            self._pipes.discard(pipe)


class _Pipe:
    """One direction of one connection."""

    def __init__(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        self.sink = sink
        self._source = source
        self._flows = flows
        self._held = bytearray()

    async def run(self) -> None:
        """Pass everything on until the source ends; a reset is passed on as a reset.

        Raises:
            OSError: the source was reset.
        """
        try:
            while data := await self._source.read(_CHUNK):
                self._held += data
                if self._flows.is_set():
                    self.flush()
                    await self.sink.drain()
            await self._flows.wait()
            self.flush()
        except OSError:
            self._held.clear()
            _reset(self.sink)
            raise
        finally:
            self.sink.close()
            with suppress(OSError):
                await self.sink.wait_closed()

    def flush(self) -> None:
        """Send what was held."""
        if self._held and not self.sink.is_closing():
            self.sink.write(bytes(self._held))
        self._held.clear()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
