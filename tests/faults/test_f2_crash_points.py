"""F2: processes die at every place of the code that has a name, while tasks run, stop and end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.faults.harness import app as fault_app
from tests.faults.harness import oracle
from tests.faults.harness.cluster import TTL_S, FaultCluster, Layout
from tests.faults.harness.crashes import WORK_S, Deaths, deaths_of, die_in_turn, names_in_code
from tests.faults.harness.ends import Given, wrong_ends
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.members import Member
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.tasks import GOING, LOOK_S
from tests.faults.harness.watchdog import watched

ROW: Final = MatrixRow(
    "F2",
    "a process dies at each named place of claim, take-over, batch, commit, stop, upload, final "
    "status and drain, and of the app's side, at varying times",
    "every place is died at so often; every task ends once, whole or with a correct prefix",
)
ROWS: Final = 40
ROW_S: Final = 0.004
AT_ONCE: Final = 8
STOPPED: Final = 0.4
"""This part of the tasks is stopped."""
UNHEARD: Final = 0.3
"""Of this part of the stops no scheduler is told; they stand in the document alone."""
ENDED_S: Final = 120.0
APP_POINTS: Final = "app:"
HEIR_POINTS: Final = ("take_over:", "node:removed", "begin:resumed")


@dataclass(frozen=True, slots=True)
class Crashes:
    each: int = field(metadata={SCALES: True})
    share: float = 1.0
    """Part of the places, chosen by the seed."""


@matrix_row(ROW, full=Crashes(each=5), full_s=1_800, quick=Crashes(each=1, share=0.1), quick_s=300)
async def test_whoever_dies_wherever_each_task_ends_as_it_should(lab: Lab, size: Crashes) -> None:
    names = names_in_code()
    names = sorted(lab.random.sample(names, max(1, round(len(names) * size.share))))
    kinds = [deaths_of(of, size.each, lab.random) for of in _by_kind(names)]
    async with lab.cluster(Layout(schedulers=4, apps=3, settings={"batch_rows": "10"})) as cluster:
        cluster.set_pace(ROW_S)
        async with watched(cluster, silence_s=60), _work(cluster, lab.random) as given:
            await _die(cluster, lab, *kinds)
        wrong = await wrong_ends(cluster, given)
        missed = [point.name for one in kinds for point in one.missed]
        lab.figures |= {
            "places": len(names),
            "deaths": sum(len(one.done) for one in kinds),
            "missed": missed,
            "tasks": len(given),
            "stopped": sum(one.was_stopped for one in given),
        }
        assert not wrong, "\n".join(wrong)
        assert not missed, f"never reached: {missed}"


def _by_kind(names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Places of apps, of any scheduler, and of one that takes over."""
    of_apps = [name for name in names if name.startswith(APP_POINTS)]
    of_heirs = [name for name in names if name.startswith(HEIR_POINTS)]
    return of_apps, sorted({*names} - {*of_apps, *of_heirs}), of_heirs


async def _die(
    cluster: FaultCluster, lab: Lab, of_apps: Deaths, of_schedulers: Deaths, of_heirs: Deaths
) -> None:
    """One app stays alive, and one scheduler until those are due that take over from it."""
    *mortal, steady = cluster.schedulers
    async with asyncio.TaskGroup() as group:
        for member in cluster.apps[:-1]:
            group.create_task(die_in_turn(member, of_apps, lab))
        for member in mortal:
            group.create_task(die_in_turn(member, of_schedulers, lab))
    heir, *others = mortal
    for member in others:
        member.kill()  # it would take over what the heir is to die of
    leaving_tasks = asyncio.create_task(_die_at_work(steady))
    try:
        await die_in_turn(heir, of_heirs, lab)
    finally:
        leaving_tasks.cancel()
        await asyncio.gather(leaving_tasks, return_exceptions=True)
    for member in (steady, *others):
        member.kill()
        member.start()
        await member.started()


async def _die_at_work(member: Member) -> None:
    """Have a scheduler die again and again, so that there is something to take over."""
    while True:
        await asyncio.sleep(WORK_S)
        member.kill()
        await asyncio.sleep(TTL_S + 1)
        member.start()
        await member.started()


@asynccontextmanager
async def _work(cluster: FaultCluster, chance: random.Random) -> AsyncIterator[list[Given]]:
    """Task after task while the context is open; all that there were."""
    given: list[Given] = []
    is_over = asyncio.Event()

    async def one_after_another() -> None:
        while not is_over.is_set():
            await _one(cluster, given, chance)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(one_after_another())
            try:
                yield given
            finally:
                is_over.set()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed


async def _one(cluster: FaultCluster, given: list[Given], chance: random.Random) -> None:
    """A task from its creation to its end, stopped or not."""
    number, is_stopped = len(given), chance.random() < STOPPED
    given.append(Given(number, "", ROWS, is_stopped))
    csv = oracle.input_csv(number, ROWS)
    task_id = await cluster.front.create(fault_app.CATEGORY, fault_app.ACTION, csv)
    given[number] = Given(number, task_id, ROWS, is_stopped)
    await cluster.front.begin(task_id)
    if is_stopped:
        await asyncio.sleep(chance.uniform(0, ROWS * ROW_S * 2))
        if chance.random() < UNHEARD:
            await cluster.observer.ask_to_stop(task_id)
        else:
            await cluster.front.stop(task_id)
    deadline = time.monotonic() + ENDED_S
    while (await cluster.front.read(task_id))["status"] in GOING:
        assert time.monotonic() < deadline, f"task {number} ({task_id}) does not end"
        await asyncio.sleep(LOOK_S)
