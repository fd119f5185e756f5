"""F13: apps and schedulers are replaced one by one while tasks run, as a deploy does it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import tasks
from tests.faults.harness.cluster import QUICK, FaultCluster
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import spread
from tests.faults.harness.members import Member
from tests.faults.harness.pace import pacing
from tests.faults.harness.progress import until_all_go_on
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F13",
    "a rolling deploy: SIGTERM to one app or scheduler after the other while tasks run",
    "no row is run twice, no task is lost, each process ends with status 0 within its drain time",
)
DRAIN_S: Final = float(QUICK["drain_s"])
LEAVE_S: Final = 3.0
"""A process closes its connections after it has drained."""
ROW_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Deploy:
    apps: int = field(metadata={SCALES: True})
    schedulers: int = field(metadata={SCALES: True})
    tasks: int
    rows: int = field(metadata={SCALES: True})


@matrix_row(
    ROW,
    full=Deploy(apps=10, schedulers=10, tasks=12, rows=2_500),
    full_s=600,
    quick=Deploy(apps=1, schedulers=1, tasks=4, rows=400),
    quick_s=120,
)
async def test_a_rolling_deploy_runs_no_row_twice(lab: Lab, size: Deploy) -> None:
    kinds = ["app"] * size.apps + ["scheduler"] * size.schedulers
    lab.random.shuffle(kinds)
    async with lab.cluster() as cluster:
        cluster.set_pace(ROW_S)
        batch = await tasks.begin(cluster, size.tasks, size.rows)
        await until_all_go_on(cluster, batch.ids)
        left: dict[str, list[float]] = {"app": [], "scheduler": []}
        async with watched(cluster):
            async with pacing(cluster, batch.total, ROW_S, lambda: lab.faults.part_of(len(kinds))):
                for kind in kinds:
                    await asyncio.sleep(lab.random.uniform(0.2, 1.0))
                    member = _oldest(cluster, kind)
                    began = time.monotonic()
                    left[kind].append(await _replace(member))
                    lab.faults.note(f"replace_{kind}", member.name, began, left_s=left[kind][-1])
            await tasks.ended(cluster, batch, within_s=60)
        verdict = await tasks.check(cluster, batch, lab.evidence)
        lab.figures |= {
            "replaced": len(kinds),
            **spread("app_left", left["app"]),
            **spread("scheduler_left", left["scheduler"]),
            "rows": verdict.rows,
            "lost": verdict.lost,
            "run_twice": cluster.trace.repeated,
        }
        assert not verdict.wrong, "\n".join(verdict.wrong)
        assert cluster.trace.repeated == 0
        assert max(left["app"] + left["scheduler"]) <= DRAIN_S + LEAVE_S


def _oldest(cluster: FaultCluster, kind: str) -> Member:
    """Whose turn it is: the one that was replaced longest ago."""
    return min(cluster.of_kind(kind), key=lambda member: len(member.processes))


async def _replace(member: Member) -> float:
    """End a process in good order, and start the next one; seconds until it had ended."""
    began = time.monotonic()
    status = await asyncio.to_thread(member.present.terminate)
    left_s = round(time.monotonic() - began, 2)
    assert status == 0, f"{member.name} ended with {status}"
    member.start()
    await member.started()
    return left_s
