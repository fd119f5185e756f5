"""F1: everything is killed at random while tasks run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import tasks
from tests.faults.harness.faults import inject
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.pace import pacing
from tests.faults.harness.plan import Kind, Mix, plan_of
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F1",
    "kill -9 of schedulers, apps and store, paused schedulers, broker restarts, all mixed, while "
    "tasks run that keep a sum in `Data`",
    "every row byte-exact and in order, none lost, none doubled, at most 6 % run again",
)
MOST_REPEATS: Final = 6.0
AT_ONCE: Final = 16
"""Batches that two instances of the app run at once."""
MIX: Final = Mix(
    weights={
        Kind.KILL_SCHEDULER: 87,
        Kind.KILL_APP: 65,
        Kind.KILL_STORE: 24,
        Kind.PAUSE_SCHEDULER: 14,
        Kind.RESTART_BROKER: 10,
    },
    gap_s=1.5,
)


@dataclass(frozen=True, slots=True)
class Mixed:
    faults: int = field(metadata={SCALES: True})
    tasks: int
    rows: int = field(metadata={SCALES: True})


@matrix_row(
    ROW,
    full=Mixed(faults=200, tasks=60, rows=3_000),
    full_s=1_200,
    quick=Mixed(faults=8, tasks=10, rows=900),
    quick_s=150,
)
async def test_no_row_is_lost_or_doubled_whatever_is_killed(lab: Lab, size: Mixed) -> None:
    plan = plan_of(lab.random, size.faults, MIX)
    async with lab.cluster() as cluster:
        row_s = size.faults * MIX.gap_s * AT_ONCE / (size.tasks * size.rows)
        cluster.set_pace(row_s)
        batch = await tasks.begin(cluster, size.tasks, size.rows)
        async with watched(cluster):
            async with pacing(cluster, batch.total, row_s, lambda: lab.faults.part_of(size.faults)):
                await inject(cluster, plan, lab.faults)
            counted = await cluster.observer.rows_counted()
            await tasks.ended(cluster, batch, within_s=120)
        verdict = await tasks.check(cluster, batch, lab.evidence)
        trace = cluster.trace
        lab.figures |= {
            "faults": sum(lab.faults.counts.values()),
            **lab.faults.counts,
            "tasks": size.tasks,
            "rows": verdict.rows,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "rerun_percent": trace.share_of_repeats,
            "take_overs": verdict.rescues,
            "rows_before_last_fault": counted,
        }
        assert not verdict.wrong, "\n".join(verdict.wrong)
        assert verdict.rows == batch.total
        assert trace.share_of_repeats <= MOST_REPEATS
