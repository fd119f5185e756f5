"""Processes that die at named places of the code, one after another, in the places of a cluster."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tasks_bindings.crash_points import STATUS
from tests.faults.harness.lab import Lab
from tests.faults.harness.members import Member
from tests.faults.harness.summary import ROOT

FOLDERS: Final = ("src/kztasks", "bindings/tasks_bindings")
NAMED: Final = re.compile(r'\breached\("([a-z_]+:[a-z_]+)"\)')
LEAVING: Final = ("drain:", "release:", "app:leaving", "app:drained")
"""Reached by a process that is told to leave."""
OFTEN: Final = (
    "commit:",
    "batch:",
    "app:row",
    "app:batch",
    "app:turn",
    "output:part",
    "node:beaten",
)
"""Reached many times a second, so that a process may come by several times before it dies."""
MOST_TIMES: Final = 9
PATIENCE_S: Final = 25.0
"""How long a process may take to come to its place before the next one tries."""
MOST_TRIES: Final = 4
POLL_S: Final = 0.02
WORK_S: Final = 0.8
"""How long a process works before it is told to leave."""


def names_in_code() -> list[str]:
    """All places that the code names."""
    texts = (
        path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    return sorted({name for text in texts for name in NAMED.findall(text)})


@dataclass(slots=True)
class Point:
    """A place to die at, and at which time."""

    name: str
    times: int
    tries: int = 0


@dataclass(slots=True)
class Deaths:
    """What is still to come, and what came of it."""

    due: deque[Point]
    done: list[Point] = field(default_factory=list)
    missed: list[Point] = field(default_factory=list)


def deaths_of(names: Sequence[str], each: int, chance: random.Random) -> Deaths:
    """So many deaths at each place, mixed."""
    points = [Point(name, _times(name, chance)) for name in names for _ in range(each)]
    chance.shuffle(points)
    return Deaths(deque(points))


def _times(name: str, chance: random.Random) -> int:
    return chance.randint(1, MOST_TIMES) if name.startswith(OFTEN) else 1


async def die_in_turn(member: Member, deaths: Deaths, lab: Lab) -> None:
    """Have one process after another die in a place, until none is due; then start a sound one."""
    while deaths.due:
        point = deaths.due.popleft()
        began = time.monotonic()
        member.kill()
        member.settings["crash_at"] = f"{point.name}:{point.times}"
        member.start()
        if await _dies(member, point):
            deaths.done.append(point)
            lab.faults.note(point.name, member.name, began, times=point.times)
        else:
            point.tries += 1
            point.times = 1
            (deaths.due if point.tries < MOST_TRIES else deaths.missed).append(point)
    if member.settings.pop("crash_at", None) is None:
        return
    member.kill()
    member.start()
    await member.started()


async def _dies(member: Member, point: Point) -> bool:
    """Whether the present process dies at its place, in time."""
    process = member.present.process
    deadline = time.monotonic() + PATIENCE_S
    may_leave = point.name.startswith(LEAVING)
    while process.poll() is None and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        if may_leave and member.present.logged(f"{member.kind}_started"):
            await _has_work(member, deadline)
            process.terminate()
            may_leave = False
    return process.poll() == STATUS


async def _has_work(member: Member, deadline: float) -> None:
    """Wait until a scheduler runs a task, or an app has had the time to get a batch."""
    if member.kind != "scheduler":
        await asyncio.sleep(WORK_S)
        return
    while time.monotonic() < deadline and member.present.process.poll() is None:
        events = Counter(event.get("event") for event in member.present.events())
        if events["task_started"] + events["task_resumed"] > events["task_finished"]:
            return
        await asyncio.sleep(POLL_S)
