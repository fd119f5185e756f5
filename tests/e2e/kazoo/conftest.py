"""Two schedulers, an app and a Crossbar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.kazoo.crossbar import Crossbar, crossbar_of
from tests.servers.cluster import Client, Cluster, Running, eventually

NODES = ("kztasks@h2.example.com", "kztasks@h3.example.com")


@dataclass(frozen=True, slots=True)
class Site:
    """What runs, and who asks it."""

    cluster: Cluster
    client: Client
    schedulers: tuple[Running, Running]
    app: Running
    crossbar: Crossbar

    def all_alive(self) -> bool:
        """Whether every process still runs that should."""
        names = {"api", "scheduler", "app"}
        return all(
            one.process.poll() is None for one in self.cluster.processes if one.name in names
        )


@pytest.fixture
def site(cluster: Cluster, client: Client, amqp_url: str) -> Iterator[Site]:
    """All of it, with `slow.copy` there to be run (3 ms a row)."""
    first, second = (cluster.scheduler(node=node, ops_port="0") for node in NODES)
    app = cluster.app("tests.apps.slow:app")
    with crossbar_of(amqp_url, *NODES) as crossbar:
        eventually("the app shows up", lambda: all(crossbar.help() for _ in range(4)))
        yield Site(cluster, client, (first, second), app, crossbar)
