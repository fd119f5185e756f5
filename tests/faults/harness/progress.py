"""Whether tasks go on."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.faults.harness.cluster import FaultCluster

LOOK_S: Final = 0.02
PATIENCE_S: Final = 60.0
TWO: Final = 2
"""The first record after something has changed may have been on its way before."""


async def until_all_go_on(cluster: FaultCluster, task_ids: Sequence[str]) -> float:
    """Seconds until each task has committed twice more, or has ended.

    Raises:
        AssertionError: one had not, within a minute.
    """
    began = time.monotonic()
    before = await _records(cluster, task_ids)
    while True:
        now = await _records(cluster, task_ids)
        if all(after >= once + TWO for once, after in zip(before, now, strict=True)):
            return time.monotonic() - began
        assert time.monotonic() < began + PATIENCE_S, f"{before=}, {now=} records"
        await asyncio.sleep(LOOK_S)


async def _records(cluster: FaultCluster, task_ids: Sequence[str]) -> list[float]:
    heads = await asyncio.gather(*map(cluster.observer.head, task_ids))
    return [_number(head) for head in heads]


def _number(head: Mapping[str, Any] | None) -> float:
    """Of the last record; of a task that has ended, more than anybody wants."""
    if head is None:
        return -1.0
    return math.inf if head["kind"] == "end" else float(head["seq"])
