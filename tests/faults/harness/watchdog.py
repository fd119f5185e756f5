"""Fails a run in which nothing is committed any more, and has every process say why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.faults.harness.cluster import FaultCluster

SILENCE_S: Final = 30.0
LOOK_S: Final = 1.0
DUMP_S: Final = 2.0
"""Time that processes get to write down what they wait for."""


class Stalled(AssertionError):
    """Nothing was committed for too long."""


@asynccontextmanager
async def watched(cluster: FaultCluster, silence_s: float = SILENCE_S) -> AsyncIterator[None]:
    """Watch over a cluster whose tasks must go on all the time while the context is open.

    Raises:
        Stalled: no record was committed for `silence_s` seconds; the stacks are in the logs.
    """
    try:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(cluster, silence_s))
            yield
            watching.cancel()
    except BaseExceptionGroup as group:  # what failed is told, not that it was in a group
        raise group.exceptions[0] from group


async def _watch(cluster: FaultCluster, silence_s: float) -> None:
    known, since = -1, time.monotonic()
    while True:
        commits = await cluster.observer.commits()
        if commits is not None and commits != known:
            known, since = commits, time.monotonic()
        if time.monotonic() - since > silence_s:
            going = [task for task in await cluster.observer.tasks() if is_going(task)]
            dumped = await dump(cluster)
            raise Stalled(
                f"no commit for {silence_s:g} s; {len(going)} tasks had not ended; "
                f"stacks in the logs of {dumped}"
            )
        await asyncio.sleep(LOOK_S)


def is_going(task: Mapping[str, Any]) -> bool:
    """Whether a task document is of one that has not ended."""
    return task["pvt_status"] in ("pending", "executing")


async def dump(cluster: FaultCluster) -> list[str]:
    """Have all processes write their stacks to their logs; those that could."""
    dumped = [member.name for member in cluster.members if member.dump_stacks()]
    await asyncio.sleep(DUMP_S)
    return dumped
