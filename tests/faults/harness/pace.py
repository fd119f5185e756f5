"""Keeps the tasks going for as long as there are faults to come, on a machine of any speed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from tests.faults.harness.cluster import FaultCluster

LOOK_S: Final = 0.5
FASTEST_S: Final = 0.001
SLOWEST_S: Final = 0.25
SLOWER: Final = 1.15
FASTER: Final = 0.8
LEAD: Final = 0.95
"""So far the rows should be when all faults are done."""


def next_pace(row_s: float, *, rows_done: float, faults_done: float) -> float:
    """Seconds for a row from now on: longer where the rows are ahead of the faults.

    Args:
        row_s: seconds for a row until now.
        rows_done: part of the rows that are done, from 0 to 1.
        faults_done: part of the faults.
    """
    factor = SLOWER if rows_done > LEAD * faults_done else FASTER
    return min(SLOWEST_S, max(FASTEST_S, row_s * factor))


@asynccontextmanager
async def pacing(
    cluster: FaultCluster, rows: int, row_s: float, faults_done: Callable[[], float]
) -> AsyncIterator[None]:
    """Have the rows last as long as the faults in the context; afterwards no row takes time.

    Args:
        cluster: whose apps are told.
        rows: of all tasks.
        row_s: seconds for a row to begin with.
        faults_done: part of the faults that are done, from 0 to 1.
    """
    keeping = asyncio.create_task(_keep(cluster, rows, row_s, faults_done))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        cluster.set_pace(0.0)


async def _keep(
    cluster: FaultCluster, rows: int, row_s: float, faults_done: Callable[[], float]
) -> None:
    while True:
        counted = await cluster.observer.rows_counted()
        if counted:
            row_s = next_pace(row_s, rows_done=counted / rows, faults_done=faults_done())
        cluster.set_pace(row_s)
        await asyncio.sleep(LOOK_S)
