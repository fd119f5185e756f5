"""A client that asks the front for something all the time, and notes how it is answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

from tests.faults.harness.cluster import FaultCluster

EVERY_S: Final = 0.25
ANSWERS: Final = frozenset({200, 503})
"""What a front may say whatever is away behind it."""


@dataclass(slots=True)
class Visits:
    """What came of them."""

    longest_s: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Answers that no front may give, and requests that got none."""


@asynccontextmanager
async def visited(cluster: FaultCluster, task_ids: Sequence[str]) -> AsyncIterator[Visits]:
    """Ask for a document and for what can be run, again and again, while the context is open."""
    visits = Visits()
    paths = [f"{cluster.front.tasks}/{task_ids[0]}", "/v2/tasks", cluster.front.tasks]
    visitors = [asyncio.create_task(_visit(cluster, path, visits)) for path in paths]
    try:
        yield visits
    finally:
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)


async def _visit(cluster: FaultCluster, path: str, visits: Visits) -> None:
    while True:
        began = time.monotonic()
        try:
            response = await cluster.front.http.get(path)
        except httpx.HTTPError as error:
            visits.wrong.append(f"GET {path}: {error!r} after {time.monotonic() - began:.1f} s")
        else:
            visits.statuses[response.status_code] += 1
            if response.status_code not in ANSWERS:
                visits.wrong.append(f"GET {path}: {response.status_code} {response.text[:200]}")
        visits.longest_s = max(visits.longest_s, time.monotonic() - began)
        await asyncio.sleep(EVERY_S)
