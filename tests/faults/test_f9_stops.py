"""F9: tasks are stopped at any moment of their lives, also when their owner dies at that moment."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

from tests.faults.harness import app as fault_app
from tests.faults.harness import oracle
from tests.faults.harness.cluster import TTL_S, FaultCluster
from tests.faults.harness.ends import Given, wrong_ends
from tests.faults.harness.faults import kill
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.tasks import GOING
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F9",
    "stops at random moments: while a task is being started, before its first batch, while rows "
    "run, while it ends, and with its owner killed at that moment",
    "one final state each, a correct prefix as output, p99 at most 5 s (and the time to live of a "
    "dead owner)",
)
ROWS: Final = 150
ROW_S: Final = 0.008
WHOLE_S: Final = ROWS * ROW_S * 1.5
"""About as long as a task takes that nobody stops."""
MOST_S: Final = 5.0
AT_ONCE: Final = 14
WAVE: Final = 5
"""Tasks that are stopped together with the death of a scheduler."""
LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Stops:
    stops: int = field(metadata={SCALES: True})
    deaths: int = field(metadata={SCALES: True})


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of a stop; `took_s` from the request that was accepted to the final state."""

    given: Given
    took_s: float | None
    document: dict[str, Any]


@matrix_row(
    ROW,
    full=Stops(stops=900, deaths=20),
    full_s=900,
    quick=Stops(stops=50, deaths=2),
    quick_s=120,
)
async def test_a_stop_ends_a_task_once_with_what_was_run(lab: Lab, size: Stops) -> None:
    async with lab.cluster() as cluster:
        cluster.set_pace(ROW_S)
        async with watched(cluster):
            calm = await _many(cluster, lab.random, size.stops)
            deadly = await _with_deaths(cluster, lab, size)
        every = [*calm, *deadly]
        wrong = await wrong_ends(cluster, [one.given for one in every])
        for one in every:
            now = await cluster.front.read(one.given.task_id)
            if (now["status"], now["end_timestamp"]) != (
                one.document["status"],
                one.document["end_timestamp"],
            ):
                wrong.append(f"task {one.given.number} was {one.document['status']} before")
        lab.figures |= {
            "stops": len(every),
            "stopped": sum(one.document["status"] == "stopped" for one in every),
            "owners_killed": size.deaths,
            "p99_s": _p99(calm),
            "p99_owner_dead_s": _p99(deadly),
        }
        assert not wrong, "\n".join(wrong)
        assert _p99(calm) <= MOST_S
        assert _p99(deadly) <= MOST_S + TTL_S


async def _many(cluster: FaultCluster, chance: random.Random, stops: int) -> list[Stopped]:
    free = asyncio.Semaphore(AT_ONCE)
    delays = [_moment(chance) for _ in range(stops)]

    async def one(number: int) -> Stopped:
        async with free:
            return await _stop_after(cluster, number, delays[number])

    return list(await asyncio.gather(*map(one, range(stops))))


def _moment(chance: random.Random) -> float:
    """Seconds after the start; 0 is beside it, many are just after it."""
    return chance.choice((0.0, chance.uniform(0, 0.15), chance.uniform(0, WHOLE_S), WHOLE_S))


async def _with_deaths(cluster: FaultCluster, lab: Lab, size: Stops) -> list[Stopped]:
    """Waves of tasks; in each a scheduler dies when they are stopped."""
    found: list[Stopped] = []
    for wave in range(size.deaths):
        began, delay_s = time.monotonic(), lab.random.uniform(0.05, WHOLE_S)
        victim = cluster.schedulers[wave % len(cluster.schedulers)]
        first = size.stops + wave * WAVE
        stops = [_stop_after(cluster, number, delay_s) for number in range(first, first + WAVE)]
        done = asyncio.gather(*stops)
        await asyncio.sleep(delay_s + lab.random.uniform(0, 0.1))
        await kill(victim)
        lab.faults.note("kill_scheduler", victim.name, began)
        found += await done
        await victim.started()
    return found


async def _stop_after(cluster: FaultCluster, number: int, delay_s: float) -> Stopped:
    front = cluster.front
    csv = oracle.input_csv(number, ROWS)
    task_id = await front.create(fault_app.CATEGORY, fault_app.ACTION, csv)
    starting = asyncio.create_task(front.begin(task_id))
    if delay_s:
        await starting
        await asyncio.sleep(delay_s)
    asked_at = time.monotonic()
    accepted_at: float | None = None
    while True:
        if accepted_at is None:
            asked_at = time.monotonic()
            response = await front.stop(task_id)
            accepted_at = asked_at if response.is_success else None
        document = await front.read(task_id)
        if document["status"] not in GOING:
            break
        assert time.monotonic() - asked_at < 60, document
        await asyncio.sleep(LOOK_S)
    took_s = time.monotonic() - accepted_at if accepted_at is not None else None
    await starting
    was_stopped = accepted_at is not None
    return Stopped(Given(number, task_id, ROWS, was_stopped), took_s, document)


def _p99(stops: list[Stopped]) -> float:
    took = [one.took_s for one in stops if one.took_s is not None]
    return round(quantiles(took, n=100)[98], 2) if len(took) > 1 else 0.0
