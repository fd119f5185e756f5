"""F4: the store is killed while it is written to."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from kztasks.store.mongo import MongoStore
from tests.faults.harness import tasks
from tests.faults.harness.history import History, missing, writing
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.pace import pacing
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F4",
    "kill -9 of the store while records are appended, files uploaded and owners changed, and "
    "tasks run",
    "every acknowledged write is there, every task comes out byte-exact, no row is run again",
)
ROW_S: Final = 0.03


@dataclass(frozen=True, slots=True)
class Kills:
    kills: int = field(metadata={SCALES: True})
    writers: int
    tasks: int
    rows: int = field(metadata={SCALES: True})


@matrix_row(
    ROW,
    full=Kills(kills=50, writers=3, tasks=10, rows=3_000),
    full_s=600,
    quick=Kills(kills=5, writers=3, tasks=5, rows=400),
    quick_s=90,
)
async def test_what_the_store_has_acknowledged_survives_its_death(lab: Lab, size: Kills) -> None:
    async with lab.cluster() as cluster:
        cluster.set_pace(ROW_S)
        batch = await tasks.begin(cluster, size.tasks, size.rows)
        store, history = MongoStore(cluster.store.url, "history"), History()
        await store.prepare()
        async with watched(cluster):
            async with (
                pacing(cluster, batch.total, ROW_S, lambda: lab.faults.part_of(size.kills)),
                writing(store, history, lab.random, size.writers),
            ):
                for _ in range(size.kills):
                    await asyncio.sleep(lab.random.uniform(0.5, 1.5))
                    began = time.monotonic()
                    await cluster.store.kill(lab.random.uniform(0.0, 0.3))
                    lab.faults.note("kill_store", "store", began, **history.counts)
            await tasks.ended(cluster, batch, within_s=60)
        wrong = await missing(store, history)
        verdict = await tasks.check(cluster, batch, lab.evidence)
        lab.figures |= {
            "kills": size.kills,
            **{f"acknowledged_{name}": count for name, count in history.counts.items()},
            "unknown_outcomes": history.unknown.total(),
            "missing": len(wrong),
            "rows": verdict.rows,
            "rerun_percent": cluster.trace.share_of_repeats,
        }
        await store.close()
        assert not wrong, wrong[:10]
        assert not verdict.wrong, "\n".join(verdict.wrong)
