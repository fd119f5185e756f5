"""F12: the broker has a memory alarm, and takes no messages, while tasks run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import app as fault_app
from tests.faults.harness import oracle, tasks
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import spread
from tests.faults.harness.pace import pacing
from tests.faults.harness.progress import until_all_go_on
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.visitor import visited
from tests.servers.rabbitmq import Rabbitmq

ROW: Final = MatrixRow(
    "F12",
    "memory alarms of the broker while tasks run, each longer than a batch may be silent",
    "each alarm has at most one batch of each task run again, tasks say that they wait for the "
    "broker, go on within 10 s after the alarm, and no request is answered late or with another "
    "5xx than 503",
)
MOST_S: Final = 10.0
MOST_REQUEST_S: Final = 5.0
BATCH_ROWS: Final = 20
"""A batch whose answer could not leave its app may be given to another one afterwards."""
ROW_S: Final = 0.02
SILENCE_S: Final = 3
KNOWN_S: Final = SILENCE_S + 5.0
"""The broker tells those alone who publish. A batch that is out is sent again after its silence."""
LAYOUT: Final = Layout(settings={"silence_s": str(SILENCE_S), "batch_rows": str(BATCH_ROWS)})
NEVER: Final = "0.0000001"
NORMAL: Final = "0.4"
WAITS_FOR: Final = "message broker"


@dataclass(frozen=True, slots=True)
class Alarms:
    alarms: int = field(metadata={SCALES: True})
    lasts_s: float
    tasks: int
    rows: int


@matrix_row(
    ROW,
    full=Alarms(alarms=3, lasts_s=15, tasks=8, rows=900),
    full_s=400,
    quick=Alarms(alarms=1, lasts_s=5, tasks=4, rows=800),
    quick_s=120,
)
async def test_an_alarm_costs_time_and_nothing_else(lab: Lab, size: Alarms) -> None:
    async with lab.cluster(LAYOUT) as cluster:
        cluster.set_pace(ROW_S)
        batch = await tasks.begin(cluster, size.tasks, size.rows)
        back: list[float] = []
        async with visited(cluster, batch.ids) as visits:
            part = lab.faults.part_of
            async with pacing(cluster, batch.total, ROW_S, lambda: part(size.alarms)):
                for number in range(size.alarms):
                    await until_all_go_on(cluster, batch.ids)
                    began = time.monotonic()
                    async with _alarm(cluster.broker):
                        await _waits(cluster, batch.ids)
                        await _says_so_in_time(cluster, size.tasks + number)
                        await asyncio.sleep(max(0.0, began + size.lasts_s - time.monotonic()))
                    back.append(await until_all_go_on(cluster, batch.ids))
                    lab.faults.note("alarm", "broker", began, back_s=round(back[-1], 2))
            await tasks.ended(cluster, batch, within_s=60)
        verdict = await tasks.check(cluster, batch, lab.evidence)
        lab.figures |= {
            "alarms": size.alarms,
            "each_s": size.lasts_s,
            **spread("back", back),
            "rows": verdict.rows,
            "run_twice": cluster.trace.repeated,
            "requests": visits.statuses.total(),
            "refused_503": visits.statuses[503],
            "longest_request_s": round(visits.longest_s, 2),
        }
        assert not verdict.wrong, "\n".join(verdict.wrong)
        assert not visits.wrong, "\n".join(visits.wrong)
        assert cluster.trace.repeated <= size.alarms * size.tasks * BATCH_ROWS
        assert max(back) <= MOST_S
        assert visits.longest_s <= MOST_REQUEST_S


@asynccontextmanager
async def _alarm(broker: Rabbitmq) -> AsyncIterator[None]:
    await asyncio.to_thread(broker.ctl, "set_vm_memory_high_watermark", NEVER)
    try:
        yield
    finally:
        await asyncio.to_thread(broker.ctl, "set_vm_memory_high_watermark", NORMAL)


async def _waits(cluster: FaultCluster, task_ids: Sequence[str]) -> None:
    """Wait until all tasks say that the broker is what they wait for."""
    documents: dict[str, object] = {}
    deadline = time.monotonic() + KNOWN_S
    while time.monotonic() < deadline:
        read = await asyncio.gather(*map(cluster.front.read, task_ids))
        documents = {one["id"]: one.get("waiting_for") for one in read}
        if all(WAITS_FOR in str(what) for what in documents.values()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not all tasks say that they wait for the broker: {documents}")


async def _says_so_in_time(cluster: FaultCluster, number: int) -> None:
    """To create a task is to ask a scheduler whether it can be run: come again later."""
    began = time.monotonic()
    response = await cluster.front.http.put(
        cluster.front.tasks,
        params={"category": fault_app.CATEGORY, "action": fault_app.ACTION},
        content=oracle.input_csv(number, 10),
        headers={"Content-Type": "text/csv"},
    )
    assert response.status_code == 503, response.text
    assert time.monotonic() - began <= MOST_REQUEST_S
