"""Faults, each a function with a name, and the one that does those of a plan.

Each ends when what it broke has been put back, though not when it works again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.faults.harness.cluster import FaultCluster
from tests.faults.harness.members import Member
from tests.faults.harness.plan import Kind, Planned

Fault = Callable[[FaultCluster, int, float], Awaitable[str]]
"""A fault on (cluster, which of the processes, seconds that it lasts); the name of what it hit."""


async def kill(member: Member, away_s: float = 0.0) -> None:
    """`kill -9` a process, then start the next one in its place after so many seconds."""
    async with member.busy:
        member.kill()
        await asyncio.sleep(away_s)
        member.start()


async def pause(member: Member, hold_s: float) -> None:
    """SIGSTOP a process, SIGCONT after so many seconds: it does not know that time has passed."""
    async with member.busy:
        process = member.present
        process.pause()
        try:
            await asyncio.sleep(hold_s)
        finally:
            process.resume()


async def restart_broker(cluster: FaultCluster, away_s: float = 0.0) -> None:
    """`rabbitmqctl stop_app`, and `start_app` after so many seconds."""
    async with cluster.broker_busy:
        await asyncio.to_thread(cluster.broker.stop_app)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(cluster.broker.start_app)


async def kill_broker(cluster: FaultCluster, away_s: float = 0.0) -> None:
    """`kill -9` the broker's node, and start it after so many seconds on its data."""
    async with cluster.broker_busy:
        await asyncio.to_thread(cluster.broker.kill)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(cluster.broker.start)


def _on_member(kind: str, fault: Callable[[Member, float], Awaitable[None]]) -> Fault:
    async def do(cluster: FaultCluster, target: int, hold_s: float) -> str:
        members = cluster.of_kind(kind)
        member = members[target % len(members)]
        await fault(member, hold_s)
        return member.name

    return do


def _on_broker(fault: Callable[[FaultCluster, float], Awaitable[None]]) -> Fault:
    async def do(cluster: FaultCluster, _target: int, hold_s: float) -> str:
        await fault(cluster, hold_s)
        return "broker"

    return do


async def _kill_store(cluster: FaultCluster, _target: int, hold_s: float) -> str:
    await cluster.store.kill(hold_s)
    return "store"


FAULTS: Final[Mapping[Kind, Fault]] = {
    Kind.KILL_SCHEDULER: _on_member("scheduler", kill),
    Kind.KILL_APP: _on_member("app", kill),
    Kind.KILL_API: _on_member("api", kill),
    Kind.KILL_STORE: _kill_store,
    Kind.PAUSE_SCHEDULER: _on_member("scheduler", pause),
    Kind.PAUSE_APP: _on_member("app", pause),
    Kind.RESTART_BROKER: _on_broker(restart_broker),
    Kind.KILL_BROKER: _on_broker(kill_broker),
}


@dataclass(slots=True)
class FaultLog:
    """What was broken and when; each entry is in a file as soon as it has happened."""

    path: Path
    entries: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def note(self, kind: str, hit: str, began: float, **more: Any) -> None:
        """Add a fault.

        Args:
            kind: its name.
            hit: what it hit.
            began: when, by `time.monotonic`.
            more: whatever else should be known.
        """
        at, took = began - self.began, time.monotonic() - began
        entry = {"at_s": round(at, 3), "took_s": round(took, 3), "kind": kind, "hit": hit, **more}
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def part_of(self, count: int) -> float:
        """Which part of so many faults is done, from 0 to 1."""
        return len(self.entries) / count

    @property
    def counts(self) -> dict[str, int]:
        """How many there were of each kind."""
        return dict(Counter(str(entry["kind"]) for entry in self.entries))


async def inject(cluster: FaultCluster, plan: Sequence[Planned], log: FaultLog) -> None:
    """Do the faults of a plan at their times.

    The next one does not wait until a pause or an outage is over; one that hits what is broken
    already waits its turn. Ends when all of it has been put back.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for planned in plan:
                await asyncio.sleep(planned.wait_s)
                group.create_task(_do(cluster, planned, log))
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed


async def _do(cluster: FaultCluster, planned: Planned, log: FaultLog) -> None:
    began = time.monotonic()
    hit = await FAULTS[planned.kind](cluster, planned.target, planned.hold_s)
    log.note(planned.kind.value, hit, began, number=planned.number)
