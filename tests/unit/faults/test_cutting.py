"""The proxy that breaks a connection when one thing comes by on it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.harness.cutting import Cut, CuttingProxy

SECRET = re.compile(rb"chunk:0+7")


@asynccontextmanager
async def echo(*cuts: Cut) -> AsyncIterator[CuttingProxy]:
    """A server that sends back what it is sent, behind a proxy."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    proxy = CuttingProxy(server.sockets[0].getsockname()[1])
    proxy.cuts += cuts
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
        server.close()


async def sent_back(proxy: CuttingProxy, *parts: bytes) -> bytes:
    """What comes back of parts that are sent one after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    got = b""
    try:
        for part in parts:
            writer.write(part)
            got += await reader.readexactly(len(part))
    finally:
        writer.close()
    return got


async def test_what_is_not_to_be_cut_is_passed_on() -> None:
    async with echo(Cut(SECRET, times=1)) as proxy:
        assert await sent_back(proxy, b"chunk:00", b"chunk:0001") == b"chunk:00chunk:0001"
        assert proxy.cuts[0].done == 0


@pytest.mark.parametrize("parts", [[b"an chunk:0007"], [b"an chunk:0", b"007"]])
async def test_the_connection_breaks_when_it_comes_by_whole_or_in_parts(parts: list[bytes]) -> None:
    async with echo(Cut(SECRET, times=1)) as proxy:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await sent_back(proxy, *parts)
        assert proxy.cuts[0].done == 1


async def test_it_does_so_as_often_as_is_said() -> None:
    async with echo(Cut(SECRET, times=2)) as proxy:
        for _ in range(2):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await sent_back(proxy, b"chunk:0007")
        assert await sent_back(proxy, b"chunk:0007") == b"chunk:0007"
