"""L3: a single task of a small account beside thousands of another one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import crowd, fair_app, oracle
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.front import Front
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import largest_mib
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.tasks import GOING

SLOTS: Final = 2
"""Instances of the app, each of which runs one batch at a time."""
MOST_OTHERS: Final = 2
"""Batches of others that the slot which gets the first batch begins before it."""
ROW_S: Final = 0.05
ROWS: Final = 10
FIRST_S: Final = 60.0
LOOK_S: Final = 0.01
ROW: Final = MatrixRow(
    "L3",
    "single tasks of other accounts are started, each when the one before has ended, while an "
    "account has 10,000 started tasks in the same scheduler",
    f"once its start was answered, the instance that gets its first batch begins at most "
    f"{MOST_OTHERS} batches of others before it",
)
LAYOUT: Final = Layout(
    schedulers=1,
    apps=SLOTS,
    target="tests.faults.harness.fair_app:app",
    settings={**crowd.PRODUCT, "batch_rows": "1"},
)


@dataclass(frozen=True, slots=True)
class Rivals:
    tasks: int = field(metadata={SCALES: True})
    small: int


@matrix_row(
    ROW,
    full=Rivals(tasks=10_000, small=20),
    full_s=1_500,
    quick=Rivals(tasks=300, small=5),
    quick_s=120,
)
async def test_a_single_task_does_not_wait_for_thousands_of_another_account(
    lab: Lab, size: Rivals
) -> None:
    action = (fair_app.CATEGORY, fair_app.ACTION)
    async with lab.cluster(LAYOUT) as cluster, crowd.accounts(cluster, 1 + size.small) as fronts:
        large, *small = fronts
        cluster.set_pace(ROW_S)
        await cluster.front.wait_for_action(*action)
        before, csv = cluster.errors, oracle.input_csv(0, ROWS)
        many = await crowd.create([large], range(size.tasks), lambda _: csv, action)
        few = [await front.create(*action, oracle.input_csv(0, 1)) for front in small]
        await crowd.begin_before_apps(cluster, many)
        for app in cluster.apps:
            app.start()
        await _until_rows_run(cluster)
        waits = [
            await _others_before(cluster, front, task_id)
            for front, task_id in zip(small, few, strict=True)
        ]
        errors = [line for line in cluster.errors if line not in before]
        errors = [line for line in errors if line["service"] != "api"]  # that says: come again
        lab.figures |= {
            "tasks": size.tasks,
            "still_executing": await cluster.observer.unfinished(),
            "small_tasks": len(waits),
            "others_before_most": max(waits),
            "others_before_mean": round(sum(waits) / len(waits), 1),
            "scheduler_peak_mib": largest_mib(cluster.schedulers),
            "asked_to_come_again": sum(front.refusals for front in fronts),
            "errors": len(errors),
        }
        assert max(waits) <= MOST_OTHERS
        assert not errors, errors[:5]


async def _until_rows_run(cluster: FaultCluster) -> None:
    """Wait until every slot has begun some batches."""
    deadline = time.monotonic() + FIRST_S
    while len({pid for _, _, pid in cluster.trace.runs}) < SLOTS:
        assert time.monotonic() < deadline, "the apps do not begin"
        await asyncio.sleep(LOOK_S)


async def _others_before(cluster: FaultCluster, front: Front, task_id: str) -> int:
    """Batches of others that a slot begins between the answer to a start and the task's first one.

    Ends when the task has, as its account would have a share beside the next one's.
    """
    await front.begin(task_id)
    before = len(cluster.trace.runs)
    deadline = time.monotonic() + FIRST_S
    while task_id not in (tasks := [task for task, _, _ in cluster.trace.runs[before:]]):
        assert time.monotonic() < deadline, f"task {task_id} does not begin"
        await asyncio.sleep(LOOK_S)
    *others, (_, _, slot) = cluster.trace.runs[before : before + tasks.index(task_id) + 1]
    while (await front.read(task_id))["status"] in GOING:
        assert time.monotonic() < deadline, f"task {task_id} does not end"
        await asyncio.sleep(LOOK_S)
    return sum(pid == slot for _, _, pid in others)
