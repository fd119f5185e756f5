"""F3: the broker goes away and comes back while tasks run."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import tasks
from tests.faults.harness.cluster import FaultCluster
from tests.faults.harness.faults import kill_broker, restart_broker
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import spread
from tests.faults.harness.pace import pacing
from tests.faults.harness.plan import Kind
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F3",
    "the broker is stopped and started, and killed with -9, while tasks run",
    "a record is committed within 3 s after the broker's port opens, nothing is lost, at most 1 % "
    "run again",
)
MOST_S: Final = 3.0
MOST_REPEATS: Final = 1.0
ROW_S: Final = 0.04
LOOK_S: Final = 0.02
PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Outages:
    restarts: int = field(metadata={SCALES: True})
    kills: int = field(metadata={SCALES: True})
    tasks: int
    rows: int = field(metadata={SCALES: True})


@matrix_row(
    ROW,
    full=Outages(restarts=20, kills=3, tasks=12, rows=3_000),
    full_s=900,
    quick=Outages(restarts=1, kills=1, tasks=8, rows=500),
    quick_s=120,
)
async def test_work_goes_on_as_soon_as_the_broker_is_back(lab: Lab, size: Outages) -> None:
    kinds = [Kind.RESTART_BROKER] * size.restarts + [Kind.KILL_BROKER] * size.kills
    lab.random.shuffle(kinds)
    async with lab.cluster() as cluster:
        cluster.set_pace(ROW_S)
        batch = await tasks.begin(cluster, size.tasks, size.rows)
        back: list[float] = []
        async with watched(cluster):
            async with pacing(cluster, batch.total, ROW_S, lambda: lab.faults.part_of(len(kinds))):
                for kind in kinds:
                    await asyncio.sleep(lab.random.uniform(1.0, 3.0))
                    back.append(await _take_away(lab, cluster, kind))
            await tasks.ended(cluster, batch, within_s=60)
        verdict = await tasks.check(cluster, batch, lab.evidence)
        trace = cluster.trace
        lab.figures |= {
            **lab.faults.counts,
            **spread("back", back),
            "rows": verdict.rows,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "rerun_percent": trace.share_of_repeats,
        }
        assert not verdict.wrong, "\n".join(verdict.wrong)
        assert max(back) <= MOST_S, back
        assert trace.share_of_repeats <= MOST_REPEATS


async def _take_away(lab: Lab, cluster: FaultCluster, kind: Kind) -> float:
    """Take the broker away for a while; seconds from its open port to the first commit."""
    fault = restart_broker if kind is Kind.RESTART_BROKER else kill_broker
    began = time.monotonic()
    breaking = asyncio.create_task(fault(cluster, lab.random.uniform(0.0, 1.0)))
    await _until_port(cluster, is_open=False)
    await _until_port(cluster, is_open=True)
    opened = time.monotonic()
    before = await cluster.observer.commits()
    while (now := await cluster.observer.commits()) is None or now == before:
        assert time.monotonic() < opened + PATIENCE_S, "nothing is committed any more"
        await asyncio.sleep(LOOK_S)
    back_s = time.monotonic() - opened
    await breaking
    lab.faults.note(kind.value, "broker", began, back_s=round(back_s, 2))
    return back_s


async def _until_port(cluster: FaultCluster, *, is_open: bool) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while await _accepts(cluster.broker.ports.amqp) is not is_open:
        assert time.monotonic() < deadline, f"the broker's port is never {is_open=}"
        await asyncio.sleep(LOOK_S)


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.transport.abort()
    return True
