"""L2: one task of a million rows, whose scheduler is killed when nine tenths are done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kztasks.settings import Settings
from tests.faults.harness import crowd, tasks
from tests.faults.harness.cluster import QUICK, FaultCluster, Layout
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import largest_mib
from tests.faults.harness.owners import busiest, taken_over
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

MOST_MIB: Final = 50
MOST_REPEATED: Final = int(Settings.model_fields["batch_rows"].default)
SHORT_ROWS: Final = 1_000
KILLED_AT: Final = 0.9
BEYOND_TTL_S: Final = 5.0
"""A scheduler is taken for dead after its time to live; the rest is for the next owner."""
KINDS: Final = ("api", "scheduler", "app")
LOOK_S: Final = 0.05
REQUEST_S: Final = 300.0
ROW: Final = MatrixRow(
    "L2",
    "one task of 1,000,000 rows; kill -9 of its scheduler when 90 % are done",
    f"at most {MOST_MIB} MiB above a task of 1,000 rows in front, schedulers and app; the next "
    f"record within {BEYOND_TTL_S:g} s of the time to live (20 s with the defaults); at most one "
    "batch run again",
)


@dataclass(frozen=True, slots=True)
class Length:
    rows: int = field(metadata={SCALES: True})
    ended_s: float
    settings: Mapping[str, str]
    """Those of the product in the full size."""

    @property
    def most_s(self) -> float:
        """Seconds until the task has to go on."""
        return float(self.settings["node_ttl_s"]) + BEYOND_TTL_S


@matrix_row(
    ROW,
    full=Length(rows=1_000_000, ended_s=600, settings=crowd.PRODUCT),
    full_s=900,
    quick=Length(rows=50_000, ended_s=60, settings={**QUICK, "batch_rows": str(MOST_REPEATED)}),
    quick_s=120,
)
async def test_a_long_task_takes_no_more_memory_and_goes_on_where_it_was(
    lab: Lab, size: Length
) -> None:
    layout = Layout(schedulers=2, apps=1, settings=size.settings)
    async with lab.cluster(layout) as cluster, asyncio.timeout(size.ended_s):
        cluster.front.http.timeout = REQUEST_S
        short = await tasks.begin(cluster, tasks=1, rows=SHORT_ROWS)
        await tasks.ended(cluster, short, within_s=30)
        wrong = (await tasks.check(cluster, short, lab.evidence)).wrong
        before = _peaks(cluster)
        began = time.monotonic()
        batch = await tasks.begin(cluster, tasks=1, rows=size.rows)
        begun = time.monotonic()
        async with watched(cluster):
            back_s, first = await _kill_its_owner(lab, cluster, batch, KILLED_AT * size.rows)
            await tasks.ended(cluster, batch, within_s=size.ended_s)
        ended = time.monotonic()
        wrong += (await tasks.check(cluster, batch, lab.evidence)).wrong
        after = _peaks(cluster)
        after["scheduler"] = max(after["scheduler"], first)
        grown = {kind: round(after[kind] - before[kind], 1) for kind in KINDS}
        repeated = cluster.trace.repeated
        lab.figures |= {
            "rows": size.rows,
            "upload_s": round(begun - began, 1),
            "rows_per_s": round(size.rows / (ended - begun - back_s)),
            "back_s": round(back_s, 1),
            "rows_run_again": repeated,
            **{f"{kind}_grown_mib": mib for kind, mib in grown.items()},
            **{f"{kind}_peak_mib": round(mib) for kind, mib in after.items()},
        }
        assert not wrong, "\n".join(wrong)
        assert back_s <= size.most_s
        assert repeated <= MOST_REPEATED
        assert all(mib <= MOST_MIB for mib in grown.values()), grown


async def _kill_its_owner(
    lab: Lab, cluster: FaultCluster, batch: tasks.Batch, at_row: float
) -> tuple[float, float]:
    """Seconds until the task has gone on, and MiB that the killed process had taken at most."""
    (task_id,) = batch.ids
    head: Mapping[str, Any] | None = None
    while head is None or head["row"] < at_row:
        await asyncio.sleep(LOOK_S)
        head = await cluster.observer.head(task_id)
    member, lost = await busiest(cluster)
    peak = largest_mib([member])
    began = time.monotonic()
    member.kill()
    _, committed = await taken_over(cluster, lost, began)
    lab.faults.note("kill_scheduler", member.name, began, row=head["row"])
    return committed[0], peak


def _peaks(cluster: FaultCluster) -> dict[str, float]:
    """Most MiB that a living process of each kind has had."""
    return {kind: largest_mib(cluster.of_kind(kind)) for kind in KINDS}
