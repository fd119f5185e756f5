"""Keeps the tasks going for as long as there are faults to come, on a machine of any speed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from tests.faults.harness.cluster import FaultCluster

LOOK_S: Final = 0.5
RANGE: Final = (0.5, 16.0)
"""Least and most of the time for a row, as parts of the first one. What is seen is old by a second,
so that rows which may become very fast would all be done before that shows."""
SLOWER: Final = 1.25
FASTER: Final = 0.85
LEAD: Final = 0.9
"""So far the rows should be when all faults are done."""


def next_pace(row_s: float, first_s: float, *, rows_done: float, faults_done: float) -> float:
    """Seconds for a row from now on: longer where the rows are ahead of the faults.

    Args:
        row_s: seconds for a row until now.
        first_s: seconds for a row to begin with.
        rows_done: part of the rows that are done, from 0 to 1.
        faults_done: part of the faults.
    """
    factor = SLOWER if rows_done > LEAD * faults_done else FASTER
    least, most = (first_s * part for part in RANGE)
    return min(most, max(least, row_s * factor))


@asynccontextmanager
async def pacing(
    cluster: FaultCluster, rows: int, row_s: float, faults_done: Callable[[], float]
) -> AsyncIterator[None]:
    """Have the rows last as long as the faults in the context; afterwards no row takes time.

    Args:
        cluster: whose apps are told.
        rows: of all tasks.
        row_s: seconds for a row to begin with; about what makes rows and faults last alike.
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
    first_s = row_s
    while True:
        counted = await cluster.observer.rows_counted()
        if counted:
            row_s = next_pace(row_s, first_s, rows_done=counted / rows, faults_done=faults_done())
        cluster.set_pace(row_s)
        await asyncio.sleep(LOOK_S)
