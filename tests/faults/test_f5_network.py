"""F5: the network to the broker, and the one to the store, is bad in every way while tasks run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import tasks
from tests.faults.harness.cluster import BROKER, STORE, FaultCluster, Layout
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import spread
from tests.faults.harness.pace import pacing
from tests.faults.harness.progress import until_all_go_on
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.toxics import TOXICS, Case, Toxic, cases, suffer
from tests.faults.harness.visitor import Visits, visited
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F5",
    "13 kinds of bad network on each of both links, to the broker and to the store: resets, black "
    "holes, half-open connections, latency, jitter, 1 kB/s, slices, refusals, slow accepts",
    "every task goes on within 5 s after healing (two heartbeats later where only silence "
    "tells), nothing is lost or doubled, no request hangs and none is answered with another 5xx "
    "than 503",
)
HEARTBEAT_S: Final = 2
MOST_S: Final = 5.0
MOST_SILENT_S: Final = MOST_S + 2 * HEARTBEAT_S
MOST_REPEATS: Final = 6.0
MOST_REQUEST_S: Final = 20.0
ROW_S: Final = 0.04
BOTH: Final = (BROKER, STORE)
QUICK_CASES: Final = 7
LAYOUT: Final = Layout(
    settings={
        "amqp_heartbeat_s": str(HEARTBEAT_S),
        "beat_s": "0.5",
        "fence_s": "3.0",
        "node_ttl_s": "6.0",
    },
    proxied=frozenset(
        {("scheduler", BROKER), ("app", BROKER), ("api", BROKER), ("scheduler", STORE)}
        | {("api", STORE)}
    ),
)


@dataclass(frozen=True, slots=True)
class Network:
    times: int = field(metadata={SCALES: True})
    """How often each kind is on each link."""
    tasks: int
    rows: int


@dataclass(frozen=True, slots=True)
class Healed:
    case: Case
    back_s: float

    def __str__(self) -> str:
        return f"{self.case.toxic.name} to the {self.case.link}: {self.back_s} s"

    @property
    def is_late(self) -> bool:
        return self.back_s > (MOST_SILENT_S if self.case.toxic.silent else MOST_S)


@matrix_row(
    ROW,
    full=Network(times=3, tasks=6, rows=3_000),
    full_s=1_200,
    quick=Network(times=1, tasks=4, rows=600),
    quick_s=180,
)
async def test_work_goes_on_as_soon_as_the_network_is_good_again(lab: Lab, size: Network) -> None:
    rounds = [_round(lab, size) for _ in range(size.times)]
    count = sum(map(len, rounds))
    rows = size.tasks * size.rows * len(rounds)
    wrong: list[str] = []
    healed: list[Healed] = []
    async with lab.cluster(LAYOUT) as cluster:
        for toxics in rounds:
            cluster.set_pace(ROW_S)
            batch = await tasks.begin(cluster, size.tasks, size.rows)
            async with watched(cluster), visited(cluster, batch.ids) as visits:
                async with pacing(cluster, rows, ROW_S, lambda: lab.faults.part_of(count)):
                    healed += await _suffer_all(lab, cluster, toxics, batch.ids)
                await tasks.ended(cluster, batch, within_s=60)
            verdict = await tasks.check(cluster, batch, lab.evidence)
            wrong += verdict.wrong + visits.wrong
            _note(lab, visits)
        lab.figures |= {
            "cases": len(healed),
            **spread("back", [one.back_s for one in healed if not one.case.toxic.silent]),
            **spread("back_silent", [one.back_s for one in healed if one.case.toxic.silent]),
            "rows": rows,
            "rerun_percent": cluster.trace.share_of_repeats,
        }
        late = [str(one) for one in healed if one.is_late]
        assert not wrong, "\n".join(wrong)
        assert not late
        assert cluster.trace.share_of_repeats <= MOST_REPEATS
        assert lab.figures["longest_request_s"] <= MOST_REQUEST_S


def _round(lab: Lab, size: Network) -> list[Case]:
    """Each kind once on each link; in the quick lane a few of them, chosen by the seed."""
    pairs: Sequence[tuple[Toxic, str]] = [(toxic, link) for toxic in TOXICS for link in BOTH]
    if lab.lane == "quick":
        pairs = lab.random.sample(pairs, QUICK_CASES)
    return cases(lab.random, pairs)


async def _suffer_all(
    lab: Lab, cluster: FaultCluster, toxics: Sequence[Case], task_ids: Sequence[str]
) -> list[Healed]:
    healed: list[Healed] = []
    for case in toxics:
        await asyncio.sleep(lab.random.uniform(0.2, 0.6))
        began = time.monotonic()
        await suffer(cluster, case)
        back_s = round(await until_all_go_on(cluster, task_ids), 2)
        lab.faults.note(
            case.toxic.name,
            case.link,
            began,
            lasts_s=round(case.lasts_s, 2),
            back_s=back_s,
        )
        healed.append(Healed(case, back_s))
    return healed


def _note(lab: Lab, visits: Visits) -> None:
    figures = lab.figures
    longest_s = max(figures.get("longest_request_s", 0.0), round(visits.longest_s, 2))
    figures["longest_request_s"] = longest_s
    figures["requests"] = figures.get("requests", 0) + visits.statuses.total()
    figures["refused_503"] = figures.get("refused_503", 0) + visits.statuses[503]
