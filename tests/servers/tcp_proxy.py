"""A TCP proxy in the test's own loop, whose connections can be broken as a network breaks them."""

from __future__ import annotations

import asyncio
import random

from tests.servers.tcp_pipe import Direction, Pipe, Weather, reset


class TcpProxy:
    """Listens on a port of its own and passes bytes to and from one server on loopback.

    What is done to the network holds for all connections, present and to come, until `heal`; what
    is done to connections hits those that are open.

    Args:
        target_port: of the server.
        chance: decides how latencies vary.
    """

    def __init__(self, target_port: int, chance: random.Random | None = None) -> None:
        self.port = 0
        self.resets_seen = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._weather = Weather(chance or random.Random())
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> None:
        """Listen; without a `port`, on one that is known then."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Break what is open, and listen no more."""
        await self.refuse()
        for writer in self._forgotten:
            reset(writer)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was reset is closed in the loop's next round

    async def refuse(self) -> None:
        """Break what is open, and refuse connections until `accept_again`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    async def accept_again(self) -> None:
        """Listen again on the same port."""
        if self._server is None:
            await self.start(self.port)

    def reset(self) -> None:
        """Break every open connection at both ends, with a TCP reset."""
        for connection in list(self._connections):
            connection.reset()

    def reset_in_frame(self, direction: Direction = Direction.UP) -> None:
        """Break each open connection with the next bytes that come, of which half is passed on."""
        for connection in self._connections:
            connection.pipes[direction].cut_in_half = True

    def half_open(self, told: Direction) -> None:
        """Lose every open connection; only one of its ends is told, by a reset.

        Args:
            told: `DOWN` for the clients: the server goes on to believe in them; `UP` for the
                server.
        """
        for connection in list(self._connections):
            deaf = connection.lose(told)
            self._forgotten.add(deaf)

    def pause(self, *directions: Direction) -> None:
        """Be a network that loses every packet: ends notice nothing, and nothing arrives.

        Args:
            directions: whose packets are lost; both if none is said.
        """
        self._weather.stop(directions or tuple(Direction))

    def resume(self) -> None:
        """Be a network again: what was sent arrives now, unless its connection was reset."""
        self._weather.go_on()

    def slow_down(
        self,
        *,
        latency_s: float = 0.0,
        jitter_s: float = 0.0,
        bytes_per_s: float | None = None,
        slice_bytes: int | None = None,
        accept_s: float = 0.0,
    ) -> None:
        """Be a bad network until `heal`.

        Args:
            latency_s: seconds that everything takes longer, one way.
            jitter_s: seconds that it takes longer than that at most, another time each time.
            bytes_per_s: as much goes through a connection, one way.
            slice_bytes: everything arrives in pieces of so many bytes at most.
            accept_s: seconds until a connection that was accepted leads anywhere.
        """
        weather = self._weather
        weather.latency_s, weather.jitter_s, weather.accept_s = latency_s, jitter_s, accept_s
        weather.bytes_per_s, weather.slice_bytes = bytes_per_s, slice_bytes

    def heal(self) -> None:
        """Be a good network; what was lost stays lost."""
        self.slow_down()
        self.resume()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (accepting := asyncio.current_task()) is not None:
            self._keep(accepting)
        try:
            await self._weather.sleep(self._weather.accept_s)
            upstream = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        connection = _Connection((reader, writer), upstream, self._weather)
        self._connections.add(connection)
        for pipe in connection.pipes.values():
            self._keep(asyncio.create_task(self._run(connection, pipe)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, connection: _Connection, pipe: Pipe) -> None:
        try:
            await pipe.run()
        except OSError:
            self.resets_seen += 1
        finally:
            self._connections.discard(connection)


class _Connection:
    """One connection: a pipe in each direction."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        weather: Weather,
    ) -> None:
        self.pipes: dict[Direction, Pipe] = {
            Direction.UP: Pipe(Direction.UP, client[0], server[1], weather, self.reset),
            Direction.DOWN: Pipe(Direction.DOWN, server[0], client[1], weather, self.reset),
        }

    def reset(self) -> None:
        """Break both ends."""
        for pipe in self.pipes.values():
            reset(pipe.sink)

    def lose(self, told: Direction) -> asyncio.StreamWriter:
        """Pass nothing on any more, and reset the one end; the writer to the other one."""
        for pipe in self.pipes.values():
            pipe.is_lost = True
        reset(self.pipes[told].sink)
        return self.pipes[Direction(-told)].sink
