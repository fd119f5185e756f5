"""A way to the store on which one thing never arrives: the connection breaks when it comes by."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.servers.tcp_pipe import reset

READ_BYTES: Final = 65_536
LONGEST: Final = 256
"""Bytes that a pattern may match; so much may be split over two reads."""


@dataclass(slots=True)
class Cut:
    """What must not arrive, and how often it is held up."""

    pattern: re.Pattern[bytes]
    times: float
    done: int = 0


class CuttingProxy:
    """Passes bytes to and from a server on loopback, until one of its cuts comes by.

    Args:
        target_port: of the server.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.cuts: list[Cut] = []
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, on a port that is known then."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Break what is open, and listen no more."""
        if self._server is not None:
            self._server.close()
        for passing in list(self._passing):
            passing.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing = asyncio.current_task()
        assert passing is not None
        self._passing.add(passing)
        passing.add_done_callback(self._passing.discard)
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            async with asyncio.TaskGroup() as group:
                down = group.create_task(_pass_all(server_reader, writer))
                await self._pass_checked(reader, server_writer)
                down.cancel()
        except* OSError:
            pass
        finally:
            reset(writer)
            reset(server_writer)

    async def _pass_checked(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Pass bytes on; end before the first one of what a cut is for."""
        tail = b""
        while data := await reader.read(READ_BYTES):
            if self._is_cut(tail + data):
                return
            tail = (tail + data)[-LONGEST:]
            writer.write(data)
            await writer.drain()

    def _is_cut(self, seen: bytes) -> bool:
        for cut in self.cuts:
            if cut.done < cut.times and cut.pattern.search(seen):
                cut.done += 1
                return True
        return False


async def _pass_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
