"""Slow clients: they upload and download at a pace of their own, and tell how it ended.

Written on sockets and h11, as a client library would try again, or hide that an answer was cut.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import h11

STEPS: Final = 20
RECEIVED_AHEAD: Final = 16 * 1024
"""So little is taken from a server in advance that it has to wait for its client."""
PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got."""

    status: int
    body: bytes
    cut: str | None = None
    """How the connection ended before the answer did; `None` for an answer that is whole."""


@dataclass(frozen=True, slots=True)
class Client:
    """Where to, and as whom."""

    port: int
    token: str

    async def upload(self, path: str, csv: bytes, lasts_s: float, begun: asyncio.Event) -> Answer:
        """PUT a CSV evenly over so many seconds; the answer may come before the end.

        Args:
            path: with its query.
            csv: the body.
            lasts_s: seconds from its first byte to its last.
            begun: set when the front has taken up the request.
        """
        reader, writer = await self._open()
        head = f"Content-Type: text/csv\r\nContent-Length: {len(csv)}\r\nExpect: 100-continue"
        writer.write(self._head("PUT", path, head))
        answer = asyncio.create_task(_read(reader, lasts_s=0, size=0, begun=begun))
        try:
            await asyncio.wait(
                {answer, waiting := asyncio.create_task(begun.wait())},
                return_when=asyncio.FIRST_COMPLETED,
            )
            waiting.cancel()
            size = -(-len(csv) // STEPS)
            for start in range(0, len(csv), size):
                await asyncio.wait({answer}, timeout=lasts_s / STEPS)
                if answer.done():
                    break
                with suppress(OSError):  # the answer, or its absence, says what came of it
                    writer.write(csv[start : start + size])
                    await writer.drain()
            return await answer
        finally:
            answer.cancel()
            writer.close()

    async def download(
        self, path: str, size: int, lasts_s: float, begun: asyncio.Event, version: str = "1.1"
    ) -> Answer:
        """GET what has so many bytes evenly over so many seconds, 0 for as fast as it comes."""
        reader, writer = await self._open()
        writer.write(self._head("GET", path, "Connection: close", version))
        try:
            return await _read(reader, lasts_s=lasts_s, size=size, begun=begun)
        finally:
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AHEAD)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=client, limit=RECEIVED_AHEAD)

    def _head(self, method: str, path: str, more: str, version: str = "1.1") -> bytes:
        return (
            f"{method} {path} HTTP/{version}\r\nHost: x\r\nX-Auth-Token: {self.token}\r\n"
            f"{more}\r\n\r\n"
        ).encode()


async def _read(
    reader: asyncio.StreamReader, *, lasts_s: float, size: int, begun: asyncio.Event
) -> Answer:
    """Take an answer; `begun` is set at the first sign of it."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    parser.send(h11.EndOfMessage())
    status, body = 0, bytearray()
    step = max(1, size // STEPS)
    due = step
    try:
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(await reader.read(PIECE_BYTES))
            elif isinstance(event, h11.InformationalResponse | h11.Response):
                begun.set()
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
                while lasts_s and len(body) >= due:
                    due += step
                    await asyncio.sleep(lasts_s / STEPS)
            else:
                return Answer(status, bytes(body))
    except (OSError, h11.RemoteProtocolError) as error:
        return Answer(status, bytes(body), cut=repr(error))
    finally:
        begun.set()
