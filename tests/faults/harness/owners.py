"""Who owns which task, as the database has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from tests.faults.harness.cluster import FaultCluster
from tests.faults.harness.members import Member

LOOK_S: Final = 0.02
PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Owned:
    """The owner of a task: the id of its scheduler process, and the epoch."""

    node: str | None
    epoch: int


async def owners(cluster: FaultCluster) -> dict[str, Owned]:
    """The owners of all tasks that execute; empty while the store is away."""
    return {
        task["_id"]: Owned(task["owner"].get("node"), task["owner"]["epoch"])
        for task in await cluster.observer.tasks()
        if task["pvt_status"] == "executing" and "owner" in task
    }


def node_id(member: Member) -> str:
    """The id under which the present process of a scheduler owns tasks now."""
    registered = member.present.logged("node_registered")
    return str(registered[-1]["node_id"]) if registered else ""


async def busiest(cluster: FaultCluster) -> tuple[Member, dict[str, Owned]]:
    """The scheduler that owns most tasks, and these; waits until one owns any."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        known = await owners(cluster)
        held = {
            member.name: {task: one for task, one in known.items() if one.node == node_id(member)}
            for member in cluster.schedulers
        }
        member = max(cluster.schedulers, key=lambda member: len(held[member.name]))
        if held[member.name]:
            return member, held[member.name]
        await asyncio.sleep(LOOK_S)
    raise AssertionError("no scheduler owns a task")


async def taken_over(
    cluster: FaultCluster, lost: Mapping[str, Owned], since: float
) -> tuple[list[float], list[float]]:
    """Wait until others own tasks, and have committed a record of each.

    Args:
        cluster: where it happens.
        lost: the tasks, with the owner that they lost.
        since: when that one was lost, by `time.monotonic`.

    Returns:
        Seconds until the new owner stood in each document, and until its first record.
    """
    deadline = since + PATIENCE_S
    owned: dict[str, float] = {}
    committed: dict[str, float] = {}
    while len(committed) < len(lost):
        assert time.monotonic() < deadline, f"not taken over: {set(lost) - set(committed)}"
        now = await owners(cluster)
        for task, before in lost.items():
            if task not in owned and task in now and now[task].epoch > before.epoch:
                owned[task] = time.monotonic() - since
        for task in _without(lost, committed):
            head = await cluster.observer.head(task)
            if head is not None and head["ep"] > lost[task].epoch:
                committed[task] = time.monotonic() - since
                owned.setdefault(task, committed[task])
        await asyncio.sleep(LOOK_S)
    return list(owned.values()), list(committed.values())


def _without(tasks: Collection[str], known: Collection[str]) -> list[str]:
    return [task for task in tasks if task not in known]
