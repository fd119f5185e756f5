"""F16: everything is killed at random while each task has several batches out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import app as fault_app
from tests.faults.harness import tasks
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.faults import inject
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.pace import pacing
from tests.faults.harness.plan import Kind, Mix, plan_of
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F16",
    "kill -9 of schedulers, apps and store, paused schedulers, broker restarts, all mixed, while "
    "tasks of a stateless action run, several batches of each at once",
    "every row byte-exact and in order, none lost, none doubled, one end each; run again are at "
    "most the batches that were out where a fault hit",
)
WINDOW: Final = 8
BATCH_ROWS: Final = 5
CONCURRENCY: Final = fault_app.app.concurrency
"""Batches that an instance runs at once; a scheduler has twice as many out for each instance."""
SETTINGS: Final = {
    "batch_window": str(WINDOW),
    "batch_rows": str(BATCH_ROWS),
    "batch_work_ms": "100",  # many come back with a part of their rows, which leaves a gap
}
UNEXPECTED: Final = frozenset(
    {
        "bus_session_bug",
        "log_broken",
        "output_not_assembled",
        "record_refused",
        "responder_crashed",
        "task_run_failed",
    }
)
"""What is logged of an error in the code, whatever dies beside it."""
WEIGHTS: Final = {
    Kind.KILL_SCHEDULER: 87,
    Kind.KILL_APP: 65,
    Kind.KILL_STORE: 24,
    Kind.PAUSE_SCHEDULER: 14,
    Kind.RESTART_BROKER: 10,
}


@dataclass(frozen=True, slots=True)
class FanOut:
    faults: int = field(metadata={SCALES: True})
    tasks: int
    rows: int = field(metadata={SCALES: True})
    schedulers: int
    apps: int
    gap_s: float

    def most_again(self, owners: int, faults: Mapping[str, int]) -> int:
        """Rows that may be run again: those of the batches that were out where a fault hit.

        Without the store nothing is lost; a scheduler that could not say in time that it lives
        loses its tasks, and these are counted.

        Args:
            owners: how often a task got another one, who sends again what the last one had out.
            faults: how many there were of each kind.
        """
        turns = 2 * CONCURRENCY * self.apps * self.schedulers
        batches = (
            owners * WINDOW
            + faults.get(Kind.KILL_APP, 0) * CONCURRENCY
            + faults.get(Kind.RESTART_BROKER, 0) * min(turns, self.tasks * WINDOW)
        )
        return batches * BATCH_ROWS


@matrix_row(
    ROW,
    full=FanOut(faults=60, tasks=20, rows=3_000, schedulers=3, apps=4, gap_s=1.5),
    full_s=600,
    quick=FanOut(faults=5, tasks=4, rows=200, schedulers=2, apps=2, gap_s=0.5),
    quick_s=90,
)
async def test_rows_come_out_in_order_whatever_is_killed_while_they_run_beside_each_other(
    lab: Lab, size: FanOut
) -> None:
    plan = plan_of(lab.random, size.faults, Mix(WEIGHTS, gap_s=size.gap_s))
    layout = Layout(schedulers=size.schedulers, apps=size.apps, settings=SETTINGS)
    async with lab.cluster(layout) as cluster:
        row_s = size.faults * size.gap_s * CONCURRENCY * size.apps / (size.tasks * size.rows)
        cluster.set_pace(row_s)
        batch = await tasks.begin(cluster, size.tasks, size.rows, fault_app.STATELESS)
        async with watched(cluster):
            async with pacing(cluster, batch.total, row_s, lambda: lab.faults.part_of(size.faults)):
                await inject(cluster, plan, lab.faults)
            counted = await cluster.observer.rows_counted()
            await tasks.ended(cluster, batch, within_s=120)
        verdict = await tasks.check(cluster, batch, lab.evidence)
        trace, unexpected = cluster.trace, _unexpected(cluster)
        owners = await _owners_after_the_first(cluster, batch)
        most_again = size.most_again(owners, lab.faults.counts)
        lab.figures |= {
            "faults": sum(lab.faults.counts.values()),
            **lab.faults.counts,
            "tasks": size.tasks,
            "rows": verdict.rows,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "most_at_once": trace.most_at_once,
            "rerun_percent": trace.share_of_repeats,
            "rows_run_again": trace.repeated,
            "may_run_again": most_again,
            "take_overs": owners,
            "rows_before_last_fault": counted,
            "unexpected_errors": sum(unexpected.values()),
        }
        assert not verdict.wrong, "\n".join(verdict.wrong)
        assert verdict.rows == batch.total
        assert not unexpected, str(unexpected)
        assert trace.most_at_once > 1, "no batch ran beside another one of its task"
        assert trace.repeated <= most_again


async def _owners_after_the_first(cluster: FaultCluster, batch: tasks.Batch) -> int:
    """How often a task got another owner, of all tasks."""
    logs = [await cluster.observer.log(task_id) for task_id in batch.ids]
    return sum(log[-1]["ep"] - 1 for log in logs)


def _unexpected(cluster: FaultCluster) -> Counter[str]:
    """How often schedulers and apps logged an error in the code, by its event."""
    members = cluster.schedulers + cluster.apps
    events = Counter(str(line["event"]) for member in members for line in member.errors)
    return Counter({event: times for event, times in events.items() if event in UNEXPECTED})
