"""Tasks of a run: created, begun, waited for, and checked against what they must have come to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.harness import app as fault_app
from tests.faults.harness import oracle
from tests.faults.harness.cluster import FaultCluster
from tests.faults.harness.evidence import keep_outputs

GOING: Final = frozenset({"pending", "executing"})
AT_ONCE: Final = 8
LOOK_S: Final = 0.2
EXPECTED: Final[Mapping[str, Callable[[int, int], bytes]]] = {
    fault_app.ACTION: oracle.expected_csv,
    fault_app.STATELESS: oracle.expected_digests,
}
"""The output that an action gives, by number of the task and of its rows."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks of equal length, by number."""

    ids: tuple[str, ...]
    rows: int
    action: str = fault_app.ACTION

    @property
    def total(self) -> int:
        """Rows of all."""
        return len(self.ids) * self.rows


@dataclass(slots=True)
class Verdict:
    """What was found wrong; all counts are over all tasks."""

    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    rows: int = 0
    """Rows that came out."""
    rescues: int = 0


async def begin(
    cluster: FaultCluster, tasks: int, rows: int, action: str = fault_app.ACTION
) -> Batch:
    """Create so many tasks of so many rows, and start them."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> str:
        async with gate:
            csv = oracle.input_csv(number, rows)
            task_id = await cluster.front.create(fault_app.CATEGORY, action, csv)
            await cluster.front.begin(task_id)
            return task_id

    return Batch(tuple(await asyncio.gather(*map(one, range(tasks)))), rows, action)


async def ended(cluster: FaultCluster, batch: Batch, within_s: float) -> None:
    """Wait until all tasks are final.

    Raises:
        AssertionError: they were not, in so many seconds.
    """
    deadline = time.monotonic() + within_s
    while going := await _going(cluster, batch):
        assert time.monotonic() < deadline, f"not ended in {within_s:g} s: {sorted(going)[:5]}"
        await asyncio.sleep(LOOK_S)


async def _going(cluster: FaultCluster, batch: Batch) -> set[str]:
    """Tasks that have not ended, as far as is known."""
    documents = {task["_id"]: task["pvt_status"] for task in await cluster.observer.tasks()}
    return {task_id for task_id in batch.ids if documents.get(task_id, "pending") in GOING}


async def check(cluster: FaultCluster, batch: Batch, evidence: Path) -> Verdict:
    """Compare outputs, documents and logs with what they must be.

    Args:
        cluster: at rest.
        batch: all ended.
        evidence: where outputs that are wrong are kept.
    """
    verdict = Verdict()
    for number, task_id in enumerate(batch.ids):
        document = await cluster.front.read(task_id)
        faults = oracle.document_faults(document, batch.rows)
        faults += oracle.log_faults(await cluster.observer.log(task_id), batch.rows)
        if document["status"] == "success":
            got = await cluster.front.output(task_id)
            expected = EXPECTED[batch.action](number, batch.rows)
            faults += _compare(verdict, task_id, expected, got, evidence)
        verdict.wrong += [f"task {number} ({task_id}): {fault}" for fault in faults]
    documents = await cluster.observer.tasks()
    verdict.rescues = sum(task["rescues"] for task in documents)
    verdict.wrong += _owners(cluster)
    return verdict


def _compare(
    verdict: Verdict, task_id: str, expected: bytes, got: bytes, evidence: Path
) -> Sequence[str]:
    verdict.rows += max(0, got.count(b"\n") - 1)
    found = oracle.difference(expected, got)
    if found is None:
        return []
    keep_outputs(evidence, task_id, expected, got)
    verdict.lost += found.lost
    verdict.doubled += found.doubled
    return [str(found)]


def _owners(cluster: FaultCluster) -> list[str]:
    """Epochs that two processes had, by what the schedulers logged."""
    owners = [
        (line["task_id"], line["epoch"], str(process.process.pid))
        for member in cluster.schedulers
        for process in member.processes
        for event in ("task_started", "task_resumed")
        for line in process.logged(event)
    ]
    return oracle.epoch_faults(owners)
