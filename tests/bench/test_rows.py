"""Rows per second from start request to downloadable output, and how a plain loop compares."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest
from rich.console import Console
from rich.table import Table

from tests.bench.plain import plain_loop
from tests.servers.cluster import (
    ROOT,
    Client,
    Cluster,
    Running,
    client_of,
    id2_output,
    numbered_csv,
)

RESULTS: Final = ROOT / "bench-results"
ROUNDS: Final = 3
SIZES: Final = (20_000, 100_000)
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """Medians over the rounds; the two ways are run in turn."""

    rows: int
    kztasks_s: float
    plain_s: float
    peak_mib: dict[str, float]
    cpu_us_per_row: dict[str, float]

    @property
    def rows_per_s(self) -> float:
        """Of kztasks, end to end."""
        return self.rows / self.kztasks_s

    @property
    def ratio(self) -> float:
        """How many times slower than the plain loop."""
        return self.kztasks_s / self.plain_s


@pytest.fixture
def processes(cluster: Cluster) -> Iterator[tuple[Client, dict[str, Running]]]:
    """One front, one scheduler, one app process, and a client."""
    account_id, token = cluster.account()
    api, url = cluster.api()
    running = {
        "api": api,
        "scheduler": cluster.scheduler(),
        "app": cluster.app("tests.apps.fast:app"),
    }
    with client_of(url, account_id, token) as client:
        client.wait_for_action("skel", "id2")
        yield client, running


@pytest.mark.timeout(900)
def test_rows_per_second(processes: tuple[Client, dict[str, Running]]) -> None:
    client, running = processes
    end_to_end(client, numbered_csv(1_000), 1_000)
    cases = [measure(client, running, rows) for rows in SIZES]
    report(cases)


def measure(client: Client, running: dict[str, Running], rows: int) -> Case:
    data, ours, plain = numbered_csv(rows), [], []
    before = {name: process.cpu_s for name, process in running.items()}
    for _ in range(ROUNDS):
        plain.append(plain_loop(data))
        ours.append(end_to_end(client, data, rows))
    cpu = {
        name: round((process.cpu_s - before[name]) / rows / ROUNDS * 1e6, 1)
        for name, process in running.items()
    }
    peaks = {name: round(process.peak_memory / MIB, 1) for name, process in running.items()}
    return Case(rows, statistics.median(ours), statistics.median(plain), peaks, cpu)


def end_to_end(client: Client, data: bytes, rows: int) -> float:
    """Seconds from the start request until `out.csv` can be downloaded; its bytes are checked."""
    task_id = client.create("skel", "id2", data)
    began = time.perf_counter()
    client.begin(task_id)
    while client.read(task_id)["status"] == "executing":
        time.sleep(0.02)
    took = time.perf_counter() - began
    assert client.output(task_id) == id2_output(rows)
    return took


def report(cases: list[Case]) -> None:
    table = Table(
        "rows", "kztasks s", "rows/s", "plain loop s", "times slower", "peak MiB", "CPU µs/row"
    )
    for case in cases:
        peaks = " ".join(f"{name} {mib:g}" for name, mib in case.peak_mib.items())
        table.add_row(
            f"{case.rows:,}",
            f"{case.kztasks_s:.2f}",
            f"{case.rows_per_s:,.0f}",
            f"{case.plain_s:.3f}",
            f"{case.ratio:.1f}",
            peaks,
            " ".join(f"{name} {us:g}" for name, us in case.cpu_us_per_row.items()),
        )
    Console().print(table)
    now = datetime.now(UTC)
    result = {
        "at": now.isoformat(timespec="seconds"),
        "commit": commit(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("aio-pika", "motor", "orjson", "pydantic")},
        "cases": [
            {**asdict(case), "rows_per_s": case.rows_per_s, "ratio": case.ratio} for case in cases
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"rows-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    Console().print(
        f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}"
    )


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
