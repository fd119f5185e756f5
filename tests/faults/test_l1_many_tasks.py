"""L1: thousands of tasks of many accounts run at the same time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import crowd, oracle
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import largest_mib
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

MOST_MIB: Final = 600
ROWS: Final = 10
ENDED_S: Final = 900.0
LOOK_S: Final = 0.5
ROW: Final = MatrixRow(
    "L1",
    "10,000 tasks of 10 rows and 50 accounts are executing in one scheduler when the apps come",
    f"every output is byte-exact, no error, at most {MOST_MIB} MiB in the scheduler",
)


@dataclass(frozen=True, slots=True)
class Crowd:
    tasks: int = field(metadata={SCALES: True})
    accounts: int


@matrix_row(
    ROW,
    full=Crowd(tasks=10_000, accounts=50),
    full_s=1_800,
    quick=Crowd(tasks=300, accounts=50),
    quick_s=120,
)
async def test_ten_thousand_tasks_that_run_at_once_all_come_out_right(
    lab: Lab, size: Crowd
) -> None:
    layout = Layout(schedulers=1, apps=2, settings=crowd.PRODUCT)
    async with lab.cluster(layout) as cluster, crowd.accounts(cluster, size.accounts) as fronts:
        before, numbers = cluster.errors, range(size.tasks)
        began = time.monotonic()
        tasks = await crowd.create(fronts, numbers, lambda number: oracle.input_csv(number, ROWS))
        created_s = time.monotonic() - began
        await crowd.begin_before_apps(cluster, tasks)
        started_s = time.monotonic() - began - created_s
        waiting_mib = largest_mib(cluster.schedulers)
        for app in cluster.apps:
            app.start()
        came = time.monotonic()
        async with watched(cluster):
            await _ended(cluster, size.tasks)
        ended_s = time.monotonic() - came
        wrong = await crowd.wrong(cluster, tasks, ROWS)
        errors = [line for line in cluster.errors if line not in before]
        lab.figures |= {
            "tasks": size.tasks,
            "accounts": size.accounts,
            "created_s": round(created_s),
            "started_s": round(started_s),
            "ended_s": round(ended_s),
            "tasks_per_s": round(size.tasks / ended_s),
            "waiting_mib": waiting_mib,
            "peak_mib": largest_mib(cluster.schedulers),
            "rerun_percent": cluster.trace.share_of_repeats,
            "errors": len(errors),
        }
        assert not wrong, "\n".join(wrong[:20])
        assert not errors, errors[:5]
        assert largest_mib(cluster.schedulers) <= MOST_MIB


async def _ended(cluster: FaultCluster, tasks: int) -> None:
    """Wait until so many have ended, by the logs: the store would be busy counting."""
    deadline = time.monotonic() + ENDED_S
    while (ended := sum(one.times("task_finished") for one in cluster.schedulers)) < tasks:
        assert time.monotonic() < deadline, f"{ended} of {tasks} tasks have ended"
        await asyncio.sleep(LOOK_S)
