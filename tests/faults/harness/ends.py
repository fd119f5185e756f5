"""What a task has come to that ended whole or was stopped, and whether it is right."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.faults.harness import oracle
from tests.faults.harness.cluster import FaultCluster

WAYS: Final = frozenset({"success", "stopped"})
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Given:
    """A task that was given to the cluster, by its number in the run."""

    number: int
    task_id: str
    rows: int
    was_stopped: bool
    """Whether anybody asked to stop it."""


async def wrong_ends(cluster: FaultCluster, tasks: Sequence[Given]) -> list[str]:
    """What is wrong with tasks that have ended, a sentence for each thing."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: Given) -> list[str]:
        async with gate:
            found = await _faults(cluster, task)
            return [f"task {task.number} ({task.task_id}): {fault}" for fault in found]

    return [fault for faults in await asyncio.gather(*map(one, tasks)) for fault in faults]


async def _faults(cluster: FaultCluster, task: Given) -> list[str]:
    document = await cluster.front.read(task.task_id)
    done = document.get("success_count", 0)
    faults = list(_status_faults(document, task, done))
    records = await cluster.observer.log(task.task_id)
    faults += oracle.log_faults(records, done)
    if document["status"] in WAYS:
        expected, got = (
            oracle.expected_csv(task.number, done),
            await cluster.front.output(task.task_id),
        )
        found = oracle.difference(expected, got)
        if found is not None and (done or got.count(b"\n") != 1):
            faults.append(str(found))
    return faults


def _status_faults(document: dict[str, Any], task: Given, done: int) -> list[str]:
    status, faults = document["status"], []
    if status not in WAYS:
        faults.append(f"it is {status}: {document.get('reason')}")
    if status == "stopped" and not task.was_stopped:
        faults.append("it is stopped, and nobody asked for that")
    if status == "success" and done != task.rows:
        faults.append(f"it is a success with {done} of {task.rows} rows")
    if document.get("failure_count", 0):
        faults.append(f"{document['failure_count']} rows failed")
    return faults
