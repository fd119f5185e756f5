"""F6: a scheduler stands still, loses its tasks, and goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import tasks
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.faults import pause
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.members import Member
from tests.faults.harness.owners import Owned, busiest, owners
from tests.faults.harness.pace import pacing
from tests.faults.harness.spy import Pause, after_waking, out_of_date, spying
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F6",
    "schedulers stand still (SIGSTOP) for longer than their time to live, and wake up as zombies",
    "every byte right, no batch sent by a zombie, each epoch had by one process",
)
TTL_S: Final = 1.5
SETTINGS: Final = {
    "beat_s": "0.25",
    "fence_s": "0.8",
    "node_ttl_s": str(TTL_S),
    "log_level": "debug",  # says when a batch was due
}
ROW_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Zombies:
    zombies: int = field(metadata={SCALES: True})
    tasks: int
    rows: int = field(metadata={SCALES: True})


@matrix_row(
    ROW,
    full=Zombies(zombies=50, tasks=8, rows=4_000),
    full_s=900,
    quick=Zombies(zombies=4, tasks=8, rows=350),
    quick_s=90,
)
async def test_a_scheduler_that_wakes_up_after_it_was_replaced_does_no_harm(
    lab: Lab, size: Zombies
) -> None:
    async with lab.cluster(Layout(settings=SETTINGS)) as cluster:
        cluster.set_pace(ROW_S)
        replaced, paused = 0, []
        async with spying(cluster.amqp_url) as spy, watched(cluster):
            batch = await tasks.begin(cluster, size.tasks, size.rows)
            async with pacing(
                cluster, batch.total, ROW_S, lambda: lab.faults.part_of(size.zombies)
            ):
                for _ in range(size.zombies):
                    await asyncio.sleep(lab.random.uniform(0.3, 1.0))
                    member, began, lost = await _raise_a_zombie(lab, cluster)
                    replaced += lost
                    paused.append((member, began))
            await tasks.ended(cluster, batch, within_s=60)
        verdict = await tasks.check(cluster, batch, lab.evidence)
        stale = out_of_date(spy.sent)
        pauses = [Pause(one.name, began, one.logged("batch_due")) for one, began in paused]
        assert all(one.lines for one in pauses), "the logs do not say what was due when"
        sent = after_waking(stale, pauses)
        lab.figures |= {
            "zombies": size.zombies,
            "tasks_taken_from_them": replaced,
            "batches_seen": len(spy.sent),
            "sent_by_zombies": len(sent),
            "on_their_way_when_paused": len(stale) - len(sent),
            "rows": verdict.rows,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "rerun_percent": cluster.trace.share_of_repeats,
        }
        for task_id in batch.ids:
            epochs = [record["ep"] for record in await cluster.observer.log(task_id)]
            assert epochs == sorted(epochs), f"an earlier owner's record comes later: {task_id}"
        assert not verdict.wrong, "\n".join(verdict.wrong)
        assert not sent, f"sent by zombies: {sent[:5]}"
        assert replaced >= size.zombies, "too few tasks were taken over for this to say anything"


async def _raise_a_zombie(lab: Lab, cluster: FaultCluster) -> tuple[Member, float, int]:
    """Pause who has most tasks for longer than it lives; a moment of that, and tasks it lost."""
    member, held = await busiest(cluster)
    began, within = time.monotonic(), time.time() + TTL_S / 2
    await pause(member, TTL_S + lab.random.uniform(1.0, 2.0))
    lost = _lost(held, await owners(cluster))
    lab.faults.note("pause_scheduler", member.name, began, tasks=len(held), lost=lost)
    return member, within, lost


def _lost(held: dict[str, Owned], now: dict[str, Owned]) -> int:
    return sum(task in now and now[task].epoch > one.epoch for task, one in held.items())
