"""The proxy breaks connections in the ways that its methods say."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from tests.contract.bus.kit import eventually
from tests.servers.tcp_pipe import Direction
from tests.servers.tcp_proxy import TcpProxy

SOON_S = 5.0
NOT_S = 0.2
"""What has not come after so long is taken for held back."""


@dataclass
class End:
    """One end of a connection; reads whatever comes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    got: bytes = b""
    pieces: list[int] = field(default_factory=list)
    ended: BaseException | bool | None = False
    """`None` after a close in good order, the error after a reset."""

    async def read(self) -> None:
        try:
            while data := await self.reader.read(65536):
                self.got += data
                self.pieces.append(len(data))
            self.ended = None
        except OSError as error:
            self.ended = error
        finally:
            self.writer.transport.abort()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    @property
    def is_reset(self) -> bool:
        return isinstance(self.ended, ConnectionResetError)


@dataclass
class Net:
    """A proxy, and both ends of connections through it."""

    proxy: TcpProxy
    arrivals: asyncio.Queue[End]
    reading: list[asyncio.Task[None]] = field(default_factory=list)

    async def connect(self) -> tuple[End, End]:
        client = End(*await asyncio.open_connection("127.0.0.1", self.proxy.port))
        self.reading.append(asyncio.create_task(client.read()))
        async with asyncio.timeout(SOON_S):
            return client, await self.arrivals.get()


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    arrivals: asyncio.Queue[End] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = End(reader, writer)
        arrivals.put_nowait(end)
        await end.read()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy = TcpProxy(port, random.Random(1))
    await proxy.start()
    net = Net(proxy, arrivals)
    yield net
    await proxy.close()
    server.close()
    for one in net.reading:
        one.cancel()
    await asyncio.gather(*net.reading, return_exceptions=True)


async def test_it_passes_bytes_on_and_closes_in_good_order(net: Net) -> None:
    client, server = await net.connect()
    client.send(b"question")
    await eventually(lambda: server.got == b"question")
    server.send(b"answer")
    server.writer.close()
    await eventually(lambda: client.ended is None)
    assert client.got == b"answer"


async def test_a_reset_reaches_both_ends(net: Net) -> None:
    client, server = await net.connect()
    net.proxy.reset()
    await eventually(lambda: client.is_reset and server.is_reset)


@pytest.mark.parametrize("direction", Direction)
async def test_a_reset_in_a_frame_comes_after_half_of_it(net: Net, direction: Direction) -> None:
    client, server = await net.connect()
    sender, receiver = (client, server) if direction is Direction.UP else (server, client)
    net.proxy.reset_in_frame(direction)
    sender.send(b"12345678")
    await eventually(lambda: client.is_reset and server.is_reset)
    assert receiver.got == b"1234"


async def test_what_a_black_hole_holds_arrives_when_it_is_over(net: Net) -> None:
    client, server = await net.connect()
    net.proxy.pause()
    client.send(b"up")
    server.send(b"down")
    await asyncio.sleep(NOT_S)
    assert (server.got, client.got) == (b"", b"")
    net.proxy.resume()
    await eventually(lambda: (server.got, client.got) == (b"up", b"down"))


@pytest.mark.parametrize("direction", Direction)
async def test_a_black_hole_of_one_way_leaves_the_other_open(
    net: Net, direction: Direction
) -> None:
    client, server = await net.connect()
    net.proxy.pause(direction)
    client.send(b"up")
    server.send(b"down")
    sent = {Direction.UP: (b"", b"down"), Direction.DOWN: (b"up", b"")}[direction]
    await asyncio.sleep(NOT_S)
    assert (server.got, client.got) == sent
    net.proxy.heal()
    await eventually(lambda: (server.got, client.got) == (b"up", b"down"))


@pytest.mark.parametrize("told", Direction)
async def test_of_a_half_open_connection_one_end_knows_nothing(net: Net, told: Direction) -> None:
    client, server = await net.connect()
    net.proxy.half_open(told)
    knows, deaf = (client, server) if told is Direction.DOWN else (server, client)
    await eventually(lambda: knows.is_reset)
    deaf.send(b"are you there?")
    await asyncio.sleep(NOT_S)
    assert deaf.ended is False
    fresh_client, fresh_server = await net.connect()
    fresh_client.send(b"new ones work")
    await eventually(lambda: fresh_server.got == b"new ones work")


async def test_a_latency_holds_bytes_back_and_keeps_their_order(net: Net) -> None:
    client, server = await net.connect()
    net.proxy.slow_down(latency_s=0.2, jitter_s=0.05)
    began = time.monotonic()
    for part in (b"1", b"2", b"3"):
        client.send(part)
        await asyncio.sleep(0.02)
    await eventually(lambda: server.got == b"123")
    assert 0.2 <= time.monotonic() - began < 2.0


async def test_a_thin_line_takes_its_time(net: Net) -> None:
    client, server = await net.connect()
    net.proxy.slow_down(bytes_per_s=1000)
    began = time.monotonic()
    client.send(b"x" * 500)
    await eventually(lambda: len(server.got) == 500)
    assert 0.4 <= time.monotonic() - began < 3.0


async def test_everything_waits_no_longer_once_the_line_is_good_again(net: Net) -> None:
    client, server = await net.connect()
    net.proxy.slow_down(bytes_per_s=10)
    client.send(b"x" * 5000)
    await asyncio.sleep(NOT_S)
    assert len(server.got) < 5000
    net.proxy.heal()
    await eventually(lambda: len(server.got) == 5000)


async def test_slices_are_small_and_lose_nothing(net: Net) -> None:
    client, server = await net.connect()
    net.proxy.slow_down(slice_bytes=7)
    sent = random.Random(2).randbytes(2000)
    client.send(sent)
    await eventually(lambda: server.got == sent)
    assert len(server.pieces) > 20


async def test_who_is_refused_is_let_in_again_on_the_same_port(net: Net) -> None:
    client, _ = await net.connect()
    await net.proxy.refuse()
    await eventually(lambda: client.is_reset)
    with pytest.raises(ConnectionRefusedError):
        await net.connect()
    await net.proxy.accept_again()
    fresh, server = await net.connect()
    fresh.send(b"back")
    await eventually(lambda: server.got == b"back")


async def test_a_slow_accept_connects_and_then_says_nothing_for_a_while(net: Net) -> None:
    net.proxy.slow_down(accept_s=0.3)
    began = time.monotonic()
    client, server = await net.connect()
    client.send(b"hello")
    await eventually(lambda: server.got == b"hello")
    assert 0.3 <= time.monotonic() - began < 3.0
