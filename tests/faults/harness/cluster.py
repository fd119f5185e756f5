"""A cluster for one row: schedulers, apps and a front on a broker and a store of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tests.faults.harness import app as fault_app
from tests.faults.harness.front import Front
from tests.faults.harness.members import Member
from tests.faults.harness.store import DATABASE, Observer, StoreServer
from tests.faults.harness.summary import ROOT
from tests.faults.harness.trace import Trace
from tests.servers.cluster import Cluster, Running
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.tcp_proxy import TcpProxy

QUICK: Final[Mapping[str, str]] = {
    "beat_s": "0.3",
    "fence_s": "1.0",
    "node_ttl_s": "2.0",
    "batch_rows": "20",
    "silence_s": "5",
    "drain_s": "5",
    "amqp_heartbeat_s": "5",
    "http_rate_per_s": "1000",
    "http_rate_burst": "5000",
}
"""Small constants, so that a minute here shows what a quarter of an hour shows elsewhere."""
TTL_S: Final = float(QUICK["node_ttl_s"])

OWN_APP: Final = "tests.faults.harness.app:app"
COMMAND_S: Final = 120.0
BROKER: Final = "broker"
STORE: Final = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a cluster is made of.

    Args:
        schedulers: how many.
        apps: how many instances.
        target: the app, `MODULE:APP`.
        settings: of all processes, names without their prefix; these come over `QUICK`.
        proxied: pairs of a kind of process and `BROKER` or `STORE`: each process of the kind gets
            a proxy of its own on this link.
    """

    schedulers: int = 2
    apps: int = 2
    target: str = OWN_APP
    settings: Mapping[str, str] = field(default_factory=dict)
    proxied: frozenset[tuple[str, str]] = frozenset()


class FaultCluster:
    """Processes that can be broken one by one, and what is needed to see what comes of it."""

    def __init__(
        self, folder: Path, layout: Layout, broker: Rabbitmq, amqp_url: str, store: StoreServer
    ) -> None:
        self.folder = folder
        self.layout = layout
        self.broker = broker
        self.amqp_url = amqp_url
        self.store = store
        self.observer = Observer(store.url)
        self.members: list[Member] = []
        self.proxies: dict[tuple[str, str], TcpProxy] = {}
        """By name of the process and `BROKER` or `STORE`."""
        self.broker_busy = asyncio.Lock()
        self.front: Front
        self._pace = folder / "pace"
        self._cluster = Cluster(folder, self._environment())

    def of_kind(self, kind: str) -> list[Member]:
        """All places for one kind of process."""
        return [member for member in self.members if member.kind == kind]

    @property
    def schedulers(self) -> list[Member]:
        """All schedulers."""
        return self.of_kind("scheduler")

    @property
    def apps(self) -> list[Member]:
        """All instances of the app."""
        return self.of_kind("app")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What all processes have logged as an error until now."""
        return [line for member in self.members for line in member.errors]

    @property
    def trace(self) -> Trace:
        """What the apps have run until now."""
        return Trace.read(self.folder / "trace.csv")

    def set_pace(self, row_s: float) -> None:
        """From the next row on a row takes so many seconds."""
        fresh = self._pace.with_suffix(".new")
        fresh.write_text(f"{row_s:.6f}")
        fresh.replace(self._pace)

    async def start(self, stack: AsyncExitStack) -> None:
        """Start everything, and wait until the action can be discovered."""
        layout = self.layout
        self.set_pace(0.0)
        account_id, token = await asyncio.to_thread(self._cluster.account)
        api = await self.add("api", "api", http_port="0")
        for _ in range(layout.schedulers):
            await self.add("scheduler", "scheduler")
        for _ in range(layout.apps):
            await self.add("app", "app", layout.target)
        for member in self.members:
            await member.started()
        port = (await api.started())["port"]
        api.settings["http_port"] = str(port)  # where clients find the next one too
        http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"X-Auth-Token": token}, timeout=30
        )
        self.front = Front(await stack.enter_async_context(http), account_id)
        if layout.target == OWN_APP:
            await self.front.wait_for_action(fault_app.CATEGORY, fault_app.ACTION)

    async def add(self, kind: str, *arguments: str, **settings: str) -> Member:
        """Start one more process: `kztasks ARGUMENTS…`; does not wait for it.

        Args:
            kind: `scheduler`, `app` or `api`.
            arguments: of the command.
            settings: of this process alone.
        """
        number = len(self.of_kind(kind))
        member = Member(
            kind=kind, number=number, spawn=self._spawn, arguments=arguments, settings=settings
        )
        for link, url in ((BROKER, self.amqp_url), (STORE, self.store.url)):
            if (kind, link) in self.layout.proxied:
                proxy = self.proxies[member.name, link] = TcpProxy(urlsplit(url).port or 0)
                await proxy.start()
        self.members.append(member)
        member.start()
        return member

    async def command(self, *arguments: str) -> str:
        """Run `kztasks ARGUMENTS…` to its end; what it said.

        Raises:
            AssertionError: it failed.
        """
        running = self._cluster.start("command", *arguments)
        status = await asyncio.to_thread(running.process.wait, COMMAND_S)
        said = running.log.read_text()
        assert status == 0, f"{arguments} ended with {status}: {said}"
        return said

    async def close(self) -> None:
        """End all processes."""
        for member in self.members:
            member.close()
        self._cluster.close()
        for proxy in self.proxies.values():
            await proxy.close()
        self.observer.close()

    def _spawn(self, member: Member) -> Running:
        links = {
            setting: _with_port(url, self.proxies[member.name, link].port)
            for link, setting, url in (
                (BROKER, "amqp_url", self.amqp_url),
                (STORE, "mongo_url", self.store.url),
            )
            if (member.name, link) in self.proxies
        }
        node = {"node": f"{member.name}@test"}
        settings = {**node, **QUICK, **self.layout.settings, **links, **member.settings}
        return self._cluster.start(member.name, *member.arguments, settings=settings)

    def _environment(self) -> dict[str, str]:
        """For all processes; the code that runs is the one that stands beside these tests."""
        code = (ROOT, ROOT / "src", ROOT / "bindings")
        return {
            "PYTHONPATH": os.pathsep.join(map(str, code)),
            "KZTASKS_AMQP_URL": self.amqp_url,
            "KZTASKS_MONGO_URL": self.store.url,
            "KZTASKS_MONGO_DATABASE": DATABASE,
            "KZTASKS_OUTPUT_FOLDER": str(self.folder),
            fault_app.TRACE: str(self.folder / "trace.csv"),
            fault_app.PACE: str(self._pace),
        }


def _with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0]
    return parts._replace(netloc=f"{host}:{port}").geturl()


@asynccontextmanager
async def running(
    folder: Path, layout: Layout, broker: Rabbitmq, amqp_url: str
) -> AsyncIterator[FaultCluster]:
    """A cluster that runs while the context is open.

    Args:
        folder: for logs, data and the trace; empty.
        layout: what it is made of.
        broker: a node that runs, shared with others.
        amqp_url: a virtual host of the cluster's own on it.
    """
    store = StoreServer(folder / "store")
    await store.start()
    cluster = FaultCluster(folder, layout, broker, amqp_url, store)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.stop)
        stack.push_async_callback(cluster.close)
        await cluster.start(stack)
        yield cluster
