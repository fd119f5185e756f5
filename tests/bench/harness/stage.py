"""What a case runs on: a store and processes of its own, on the suite's RabbitMQ."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil

from kztasks.store.embedded import EmbeddedStore
from tests.bench.harness.http import Lean
from tests.bench.harness.measure import difference
from tests.servers.cluster import Client, Cluster, Running, client_of, eventually
from tests.servers.rabbitmq import Rabbitmq

NO_LIMIT: Final = "1000000"
"""Of requests per second: an account's share is not what is measured."""
APP: Final = "tests.apps.bench:app"
SHORTEST_WAIT_S: Final = 0.01
LONGEST_WAIT_S: Final = 0.1
SHARE: Final = 0.01
"""A task is looked at after each hundredth of the time that it has taken so far."""


@dataclass(slots=True)
class Stage:
    """A front, a scheduler and apps, with a client; and all that has been spent on tasks."""

    client: Client
    lean: Lean
    processes: Mapping[str, list[psutil.Process]]
    """By what they are: `api`, `scheduler`, `app`, `broker`, `store`."""
    pages: Mapping[str, str]
    """Where each kind of process has its metrics."""
    cpu_us: list[dict[str, float]] = field(default_factory=list)
    """For each row, of each task that `run` has run."""

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds used so far, by kind of process."""
        found = {}
        for name, members in self.processes.items():
            times = [process.cpu_times() for process in members]
            found[name] = sum(one.user + one.system for one in times)
        return found

    def run(self, action: str, source: bytes | None, expected: bytes, rows: int) -> float:
        """Seconds from the start request until `out.csv` can be downloaded; checks its bytes.

        Args:
            action: with its category, `skel.id2`.
            source: the CSV, or `None` for an action without input.
            expected: what must come out.
            rows: how many rows that is.

        Raises:
            AssertionError: something else came out.
        """
        self.ready(action)
        category, _, name = action.partition(".")
        task_id = self.client.create(category, name, source)
        before = self.cpu_s()
        began = time.perf_counter()
        self.client.begin(task_id)
        self.wait(task_id, began)
        took = time.perf_counter() - began
        spent = difference(before, self.cpu_s())
        self.cpu_us.append({name: s / rows * 1e6 for name, s in spent.items()})
        self.check(task_id, expected)
        return took

    def ready(self, action: str) -> None:
        """Wait until the front knows an action, `skel.id2`."""
        category, _, name = action.partition(".")
        self.client.wait_for_action(category, name)

    def wait(self, task_id: str, began: float) -> None:
        """Wait until a task is final."""
        while self.client.read(task_id)["status"] in {"pending", "executing"}:
            passed = time.perf_counter() - began
            time.sleep(min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, passed * SHARE)))

    def check(self, task_id: str, expected: bytes) -> None:
        """Compare every byte of `out.csv`.

        Raises:
            AssertionError: they differ; says where.
        """
        output = self.client.output(task_id)
        assert output == expected, difference_of(output, expected)

    def metrics(self, kind: str) -> str:
        """The metrics page of a kind of process; empty if it has none."""
        response = httpx.get(self.pages[kind] + "/metrics", timeout=10)
        return response.text if response.is_success else ""


def difference_of(output: bytes, expected: bytes) -> str:
    """Where two outputs begin to differ, in a sentence."""
    lines, wanted = output.splitlines(), expected.splitlines()
    for number, (line, want) in enumerate(zip(lines, wanted, strict=False), 1):
        if line != want:
            return f"line {number} of the output is {line[:200]!r}, not {want[:200]!r}"
    return f"the output has {len(lines)} lines, not {len(wanted)}"


@contextmanager
def stage(
    broker: Rabbitmq,
    folder: Path,
    *,
    app: str = APP,
    instances: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Start it, and end it.

    Args:
        broker: the suite's RabbitMQ; a virtual host of it is used.
        folder: an existing one for whatever is written.
        app: the app, as `kztasks app` takes it.
        instances: how many processes of it.
        environment: variables for all processes.
    """
    name = f"bench-{uuid.uuid4().hex}"
    here = folder / name
    here.mkdir()
    store = EmbeddedStore(here / "store")
    asyncio.run(store.start())
    cluster = Cluster(
        here,
        {
            "KZTASKS_AMQP_URL": broker.add_vhost(name),
            "KZTASKS_MONGO_URL": store.url,
            "KZTASKS_MONGO_DATABASE": "kztasks",
            "KZTASKS_OUTPUT_FOLDER": str(here),
            **(environment or {}),
        },
    )
    try:
        yield from _started(cluster, broker, store, app, instances)
    finally:
        cluster.close()
        asyncio.run(store.stop())
        broker.delete_vhost(name)


def _started(
    cluster: Cluster, broker: Rabbitmq, store: EmbeddedStore, app: str, instances: int
) -> Iterator[Stage]:
    ((account_id, token),) = cluster.accounts(1)
    limits = {"http_rate_burst": NO_LIMIT, "http_rate_per_s": NO_LIMIT}
    api, url = cluster.api(**limits)
    scheduler = cluster.scheduler(ops_port="0")
    apps = [cluster.app(app, ops_port="0") for _ in range(instances)]
    processes = {
        "api": [psutil.Process(api.process.pid)],
        "scheduler": [psutil.Process(scheduler.process.pid)],
        "app": [psutil.Process(one.process.pid) for one in apps],
        "broker": [_process_of(broker)],
        "store": [psutil.Process(store.pid)],
    }
    pages = {"api": url, "scheduler": _ops_of(scheduler), "app": _ops_of(apps[0])}
    with client_of(url, account_id, token) as client:
        yield Stage(client, Lean(url, token, account_id), processes, pages)


def _process_of(broker: Rabbitmq) -> psutil.Process:
    assert broker._server is not None
    return psutil.Process(broker._server.pid)


def _ops_of(running: Running) -> str:
    told = eventually("it answers probes", lambda: running.logged("ops_listening"))
    return f"http://127.0.0.1:{told[0]['port']}"
