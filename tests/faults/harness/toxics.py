"""What can be wrong with a network, each with a name, and how long until all is well again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.harness.cluster import FaultCluster
from tests.servers.tcp_pipe import Direction
from tests.servers.tcp_proxy import TcpProxy


@dataclass(frozen=True, slots=True)
class Toxic:
    """One thing that is wrong with a network.

    Args:
        name: for people.
        begin: does it to a proxy.
        lasts_s: least and most seconds until the network is healed.
        silent: whether an end may have to learn of it by hearing nothing.
        refuses: whether nobody can connect meanwhile.
    """

    name: str
    begin: Callable[[TcpProxy], None]
    lasts_s: tuple[float, float] = (1.0, 2.5)
    silent: bool = False
    refuses: bool = False


def _slow_accept(proxy: TcpProxy) -> None:
    proxy.slow_down(accept_s=1.0)
    proxy.reset()


AT_ONCE: Final = (0.0, 0.0)
HOLE_S: Final = (1.5, 5.0)

TOXICS: Final[Sequence[Toxic]] = (
    Toxic("reset", lambda proxy: proxy.reset(), AT_ONCE),
    Toxic("reset_in_frame", lambda proxy: proxy.reset_in_frame(), (0.5, 1.0)),
    Toxic("black_hole", lambda proxy: proxy.pause(), HOLE_S, silent=True),
    Toxic("black_hole_up", lambda proxy: proxy.pause(Direction.UP), HOLE_S, silent=True),
    Toxic("black_hole_down", lambda proxy: proxy.pause(Direction.DOWN), HOLE_S, silent=True),
    Toxic("half_open_server", lambda proxy: proxy.half_open(Direction.DOWN), AT_ONCE, silent=True),
    Toxic("half_open_client", lambda proxy: proxy.half_open(Direction.UP), AT_ONCE, silent=True),
    Toxic("latency", lambda proxy: proxy.slow_down(latency_s=0.2)),
    Toxic("jitter", lambda proxy: proxy.slow_down(latency_s=0.01, jitter_s=0.3)),
    Toxic("thin_line", lambda proxy: proxy.slow_down(bytes_per_s=1000)),
    Toxic("slices", lambda proxy: proxy.slow_down(slice_bytes=7)),
    Toxic("refused", lambda proxy: proxy.reset(), refuses=True),
    Toxic("slow_accept", _slow_accept),
)
"""`half_open_server`: the client is told that the connection is lost, the server is not."""


@dataclass(frozen=True, slots=True)
class Case:
    """A toxic on one kind of link, for so many seconds."""

    toxic: Toxic
    link: str
    lasts_s: float


def cases(chance: random.Random, toxics: Iterable[tuple[Toxic, str]]) -> list[Case]:
    """Toxics with their links, in an order and with durations that the seed decides."""
    chosen = [Case(toxic, link, chance.uniform(*toxic.lasts_s)) for toxic, link in toxics]
    chance.shuffle(chosen)
    return chosen


async def suffer(cluster: FaultCluster, case: Case) -> None:
    """Have all links of a kind be bad for a while; they are good again when this returns."""
    proxies = [proxy for (_, link), proxy in cluster.proxies.items() if link == case.link]
    for proxy in proxies:
        if case.toxic.refuses:
            await proxy.refuse()
        case.toxic.begin(proxy)
    await asyncio.sleep(case.lasts_s)
    for proxy in proxies:
        proxy.heal()
        if case.toxic.refuses:
            await proxy.accept_again()
