"""One direction of a connection through the proxy, and the network that it goes through."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_CHUNK: Final = 65536
_TICK_S: Final = 0.05
"""A slow network passes on so many seconds' worth of bytes at once."""
_HALF_ARRIVES_S: Final = 0.02
"""A reset overtakes bytes that the other end has not read yet."""


class Direction(IntEnum):
    """Which way bytes go."""

    UP = 1
    """From the client to the server."""
    DOWN = -1
    """From the server to the client."""


def _open_gates() -> dict[Direction, asyncio.Event]:
    gates = {direction: asyncio.Event() for direction in Direction}
    for gate in gates.values():
        gate.set()
    return gates


@dataclass(slots=True)
class Weather:
    """How the network is at present; see `TcpProxy.slow_down`."""

    chance: random.Random
    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    slice_bytes: int | None = None
    accept_s: float = 0.0
    flows: dict[Direction, asyncio.Event] = field(default_factory=_open_gates)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, directions: Sequence[Direction]) -> None:
        """Let nothing through, that way."""
        for direction in directions:
            self.flows[direction].clear()

    def go_on(self) -> None:
        """Let everything through that waits, without further delay."""
        for gate in self.flows.values():
            gate.set()
        self._changed.set()
        self._changed = asyncio.Event()

    def delay_s(self) -> float:
        """How much longer the next bytes take."""
        if not self.jitter_s:
            return self.latency_s
        return self.latency_s + self.chance.uniform(0, self.jitter_s)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What arrives at once."""
        while data:
            size = len(data)
            if self.slice_bytes is not None:
                size = self.chance.randint(1, self.slice_bytes)
            elif self.bytes_per_s is not None:
                size = max(1, int(self.bytes_per_s * _TICK_S))
            yield data[:size]
            data = data[size:]

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until the network is good again."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    async def pass_time(self, size: int) -> None:
        """Take as long as so many bytes take."""
        if self.bytes_per_s is not None:
            await self.sleep(size / self.bytes_per_s)


class Pipe:
    """Passes bytes from one end of a connection to the other.

    Args:
        direction: which way.
        source: where they come from.
        sink: where they go.
        weather: how the network is.
        break_all: resets the whole connection.
    """

    def __init__(
        self,
        direction: Direction,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        weather: Weather,
        break_all: Callable[[], None],
    ) -> None:
        self.sink = sink
        self.cut_in_half = False
        """The next bytes are the last ones, and only half of them arrives."""
        self.is_lost = False
        """Nothing arrives any more, and nobody is told so."""
        self._direction = direction
        self._source = source
        self._weather = weather
        self._break_all = break_all
        self._on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def run(self) -> None:
        """Pass everything on until the source ends; a reset is passed on as a reset.

        Raises:
            OSError: the source was reset.
        """
        arriving = asyncio.create_task(self._arrive())
        try:
            await self._read()
            await arriving
        except OSError:
            if not self.is_lost:
                reset(self.sink)
                raise
        finally:
            arriving.cancel()
            await asyncio.gather(arriving, return_exceptions=True)
            if not self.is_lost:
                self.sink.close()
                with suppress(OSError):
                    await self.sink.wait_closed()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await self._source.read(_CHUNK):
            self._on_the_way.put_nowait((loop.time() + self._weather.delay_s(), data))
        self._on_the_way.put_nowait((0.0, b""))

    async def _arrive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await self._on_the_way.get()
            await self._weather.sleep(due - loop.time())
            if not data:
                await self._weather.flows[self._direction].wait()
                return
            if self.cut_in_half:
                await self._pass(data[: (len(data) + 1) // 2])
                await asyncio.sleep(_HALF_ARRIVES_S)
                self._break_all()
                return
            await self._pass(data)

    async def _pass(self, data: bytes) -> None:
        for piece in self._weather.pieces(data):
            await self._weather.flows[self._direction].wait()
            if self.is_lost or self.sink.is_closing():
                return
            self.sink.write(piece)
            await self.sink.drain()
            await asyncio.sleep(0)
            await self._weather.pass_time(len(piece))


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a TCP reset, at once."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
