"""F11: rows that end their process, hang or hoard, in tasks among tasks that do nothing bad."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tasks_bindings.sdk.process import EXIT_STUCK
from tasks_bindings.wire.topology import DELIVERY_LIMIT
from tests.faults.harness import app as fault_app
from tests.faults.harness import oracle, poison_app
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.lab import Lab
from tests.faults.harness.matrix import matrix_row
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.tasks import GOING

ROW: Final = MatrixRow(
    "F11",
    "a row that ends its process and one that takes all memory, each in a task among tasks that do "
    "nothing bad",
    "the row alone gets the blame, after as many deaths as halving takes at most; all other rows "
    "are byte-exact",
)
ENDLESS: Final = MatrixRow(
    "F11b",
    "a row whose sync handler never ends, in a task among tasks that do nothing bad",
    "its task ends with the rows before that batch; its process ends itself with status 70, no "
    "other one does; all other tasks are exact",
)
ROW_TIMEOUT_S: Final = 3.0
STUCK_GRACE_S: Final = 3.0
BATCH_ROWS: Final = 50
LAYOUT: Final = Layout(
    target="tests.faults.harness.poison_app:app",
    settings={
        "row_timeout_s": str(ROW_TIMEOUT_S),
        "stuck_grace_s": str(STUCK_GRACE_S),
        "batch_rows": str(BATCH_ROWS),
    },
)
WITHIN_S: Final = 90.0
LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Poison:
    kinds: tuple[str, ...]
    innocent: int
    rows: int


@matrix_row(
    ROW,
    full=Poison(kinds=(poison_app.EXIT, poison_app.MEMORY), innocent=6, rows=400),
    full_s=300,
)
async def test_a_row_that_kills_is_found_and_hurts_nobody_else(lab: Lab, size: Poison) -> None:
    await _run(lab, size)


@matrix_row(
    ENDLESS,
    full=Poison(kinds=(poison_app.LOOP, poison_app.MEMORY), innocent=6, rows=400),
    full_s=300,
)
async def test_a_row_that_never_ends_ends_its_task_alone(lab: Lab, size: Poison) -> None:
    await _run(lab, size)


async def _run(lab: Lab, size: Poison) -> None:
    places = {kind: lab.random.randint(2, size.rows - 1) for kind in size.kinds}
    lab.figures |= {"rows": size.rows, "places": places}
    async with lab.cluster(LAYOUT) as cluster:
        await cluster.front.wait_for_action(poison_app.CATEGORY, fault_app.ACTION)
        async with _supervised(cluster) as deaths:
            bad = {
                kind: await _submit(cluster, 0, size.rows, (places[kind], kind)) for kind in places
            }
            good = [await _submit(cluster, number, size.rows) for number in range(size.innocent)]
            began = time.monotonic()
            await _ended(cluster, [*bad.values(), *good])
            stuck = await _stuck_ended(cluster) if poison_app.LOOP in bad else []
            lab.figures |= {
                "deaths": len(deaths),
                "seconds_to_end": round(time.monotonic() - began, 1),
            }
        wrong = [
            f"task {number} among them: {fault}"
            for number, task_id in enumerate(good)
            for fault in await _faults(cluster, number, task_id, size.rows)
        ]
        for kind, task_id in bad.items():
            found = await _faults(cluster, 0, task_id, size.rows, (places[kind], kind))
            wrong += [f"{kind}: {fault}" for fault in found]
        most = (DELIVERY_LIMIT + 1) * (math.ceil(math.log2(size.rows)) + 1)
        lab.figures |= {"most_deaths": most}
        if poison_app.LOOP in bad:
            lab.figures |= {"ended_themselves": len(stuck)}
            assert stuck == [EXIT_STUCK]
        assert not wrong, "\n".join(wrong)
        assert len(deaths) <= most


@asynccontextmanager
async def _supervised(cluster: FaultCluster) -> AsyncIterator[list[str]]:
    """Start again whatever app ends, as a service manager does; the names of those that did."""
    deaths: list[str] = []

    async def watch() -> None:
        while True:
            for member in cluster.apps:
                if member.present.process.poll() is not None:
                    deaths.append(member.name)
                    member.start()
            await asyncio.sleep(LOOK_S)

    watching = asyncio.create_task(watch())
    try:
        yield deaths
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _submit(
    cluster: FaultCluster, number: int, rows: int, bad: tuple[int, str] | None = None
) -> str:
    """Create and start a task; of `bad`, the row with this number has this word."""
    csv = oracle.input_csv(number, rows)
    if bad is not None:
        place, word = bad
        csv = csv.replace(_word(number, place), word.encode() + b"\n")
    task_id = await cluster.front.create(poison_app.CATEGORY, fault_app.ACTION, csv)
    await cluster.front.begin(task_id)
    return task_id


def _word(number: int, row: int) -> bytes:
    return oracle.word_of(number, row).encode() + b"\n"


async def _ended(cluster: FaultCluster, task_ids: Sequence[str]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        read = await asyncio.gather(*map(cluster.front.read, task_ids))
        going = [one["id"] for one in read if one["status"] in GOING]
        if not going:
            return
        assert time.monotonic() < deadline, f"not ended in {WITHIN_S:g} s: {going}"
        await asyncio.sleep(LOOK_S)


async def _stuck_ended(cluster: FaultCluster) -> list[int]:
    """Wait until whoever has found itself stuck has ended; with which status each did."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        processes = [one for app in cluster.apps for one in app.processes]
        ended = [one.process.poll() for one in processes if one.logged("app_stuck")]
        if ended and None not in ended:
            return [status for status in ended if status is not None]
        assert time.monotonic() < deadline, "no app that has a row without end has ended"
        await asyncio.sleep(LOOK_S)


async def _faults(
    cluster: FaultCluster, number: int, task_id: str, rows: int, bad: tuple[int, str] | None = None
) -> list[str]:
    """What is not as it must be of a task that has ended."""
    document = await cluster.front.read(task_id)
    got = (await cluster.front.output(task_id)).splitlines()
    place, word = bad if bad is not None else (None, "")
    ends_at = rows if word != poison_app.LOOP or place is None else place - 1
    status = {"": "success", poison_app.LOOP: "internal_error"}.get(word, "partial")
    expected = _expected(number, ends_at, place, word)
    faults = []
    if document["status"] != status:
        faults.append(f"it is {document['status']}, not {status}: {document.get('reason')}")
    left_out = len(expected) - len(got[1:])
    if word == poison_app.LOOP and 0 <= left_out <= BATCH_ROWS:  # its batch is never answered
        expected = expected[: len(got) - 1]
    if got[1:] != expected:
        differ = [pair for pair in zip(got[1:], expected, strict=False) if pair[0] != pair[1]]
        faults.append(f"{len(got) - 1} lines for {len(expected)}; first {differ[:1]}")
    return faults


def _expected(number: int, rows: int, place: int | None, word: str) -> list[bytes]:
    """The lines of the output; one that has no error anywhere has no column for errors."""
    total, lines = 0, []
    blank = "," if place is not None and place <= rows else ""
    for row in range(1, rows + 1):
        value = oracle.number_of(number, row)
        if row == place:
            lines.append(f'"{value}","{word}",,,"applier crashed"')
            continue
        total += value
        lines.append(f'"{value}","{oracle.word_of(number, row)}","{row}","{total}"{blank}')
    return [line.encode() for line in lines]
