"""F15: one front after another is replaced while clients upload and download slowly."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx
import orjson

from kztasks.processes.http import END_S, REFUSE_S
from tests.faults.harness import app as fault_app
from tests.faults.harness import crowd, oracle
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.lab import Lab
from tests.faults.harness.leftovers import left_over
from tests.faults.harness.matrix import SCALES, matrix_row
from tests.faults.harness.measure import spread
from tests.faults.harness.members import Member
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.tasks import GOING
from tests.faults.harness.transfers import Answer, Client

LEAVE_S: Final = 0.3
DRAIN_S: Final = 3.0
"""Enough for twenty short downloads of 10 MB at once, also where two cores are slow ones."""
LIMIT_S: Final = LEAVE_S + DRAIN_S + REFUSE_S + END_S
SHORT_S: Final = 0.6
"""A transfer that ends within the time to drain; the other ones do not."""
LONG_S: Final = 12.0
KILLED: Final = 130
SETTINGS: Final = {
    "http_leave_s": str(LEAVE_S),
    "http_drain_s": str(DRAIN_S),
    "http_account_uploads": "500",
    "http_account_requests": "1000",
    "http_account_streams": "500",
}
CELL_BYTES: Final = 60_000
OUTPUT_ROWS: Final = 160
"""About 10 MB: more than lies between a front and a client that takes nothing."""
UPLOAD_ROWS: Final = 40
LARGE_EVERY: Final = 5
"""So often an upload has more bytes than a chunk of the store."""
ROW: Final = MatrixRow(
    "F15",
    "one front after another gets SIGTERM, the last one twice, with uploads, downloads and streams "
    "of events under way, half of which take longer than the time to drain",
    "what ends in time is whole; an upload that is cut is refused and nobody's task, a download "
    "that is cut does not look whole; `/readyz` says `leaving` before the port closes; status 0 "
    "within leave, drain and 3 s; a second signal ends it at once",
)


@dataclass(frozen=True, slots=True)
class Fronts:
    replaced: int = field(metadata={SCALES: True})
    transfers: int


@dataclass(slots=True)
class Seen:
    """What has come of all transfers and replacements."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    made: dict[str, int] = field(default_factory=dict)
    """Ids of the tasks that clients were told of, and the number of their upload."""
    refused: set[int] = field(default_factory=set)
    """Numbers of uploads that clients were told not to be tasks."""
    left_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a round of transfers goes to, and what they are compared with."""

    cluster: FaultCluster
    seen: Seen
    task_id: str
    output: bytes
    pending_id: str
    """A task that nobody starts, to be watched."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One of a round; its number says of which kind it is.

    Args:
        number: no other one has it.
        client: of the front that will leave.
        lasts_s: seconds that it would take.
        is_killed: whether the front will be ended at once.
        begun: set when the front has taken up the request.
    """

    number: int
    client: Client
    lasts_s: float
    is_killed: bool
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def must_end(self) -> bool:
        """Whether the front has the time to complete it."""
        return self.lasts_s == SHORT_S and not self.is_killed


@matrix_row(
    ROW,
    full=Fronts(replaced=20, transfers=40),
    full_s=240,
    quick=Fronts(replaced=1, transfers=20),
    quick_s=90,
)
async def test_a_front_that_is_replaced_breaks_nothing_off_unseen(lab: Lab, size: Fronts) -> None:
    async with lab.cluster(Layout(schedulers=1, apps=1, settings=SETTINGS)) as cluster:
        second = await cluster.add("api", "api", http_port="0")
        second.settings["http_port"] = str((await second.started())["port"])
        stage = await _staged(cluster)
        for number in range(size.replaced):
            member = cluster.of_kind("api")[number % 2]
            is_last = number == size.replaced - 1
            kinds = [lab.random.random() < 0.5 for _ in range(size.transfers)]
            lasting = [
                LONG_S if is_last or (is_long and number % 2 == 0) else SHORT_S for is_long in kinds
            ]
            began = time.monotonic()
            await _round(stage, member, number * size.transfers, lasting, twice=is_last)
            lab.faults.note("replace_api", member.name, began, left_s=stage.seen.left_s[-1])
        seen = stage.seen
        seen.wrong += await _input_faults(stage)
        for_the_janitor, lost = await left_over(cluster.observer)
        seen.wrong += [f"nobody will remove {one}" for one in lost]
        lab.figures |= {
            "replaced": size.replaced,
            "transfers": size.replaced * size.transfers,
            **dict(sorted(seen.counts.items())),
            **spread("left", seen.left_s),
            "left_for_the_janitor": len(for_the_janitor),
        }
        assert not seen.wrong, "\n".join(seen.wrong)


async def _staged(cluster: FaultCluster) -> Stage:
    """A task with a large output, and one to watch."""
    front = cluster.front
    task_id, pending_id = [
        await front.create(fault_app.CATEGORY, fault_app.ACTION, _csv(0, rows, CELL_BYTES))
        for rows in (OUTPUT_ROWS, 1)
    ]
    await front.begin(task_id)
    deadline = time.monotonic() + 60
    while (await front.read(task_id))["status"] in GOING:
        assert time.monotonic() < deadline, "the task with the large output has not ended"
        await asyncio.sleep(0.1)
    return Stage(cluster, Seen(), task_id, await front.output(task_id), pending_id)


async def _round(
    stage: Stage, member: Member, first: int, lasting: Sequence[float], *, twice: bool
) -> None:
    """Have transfers under way, end the front, and start it again."""
    token = stage.cluster.front.http.headers["X-Auth-Token"]
    client = Client(int(member.settings["http_port"]), token)
    transfers = [
        Transfer(first + place, client, lasts_s, is_killed=twice)
        for place, lasts_s in enumerate(lasting)
    ]
    running = [asyncio.create_task(_transfer(stage, one)) for one in transfers]
    async with asyncio.timeout(10):
        await asyncio.gather(*(one.begun.wait() for one in transfers))
    process, started = member.present.process, time.monotonic()
    process.terminate()
    await _probe(stage, member)
    if twice:
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
    status = await asyncio.to_thread(process.wait, 30)
    left_s = round(time.monotonic() - started, 2)
    async with asyncio.timeout(5):
        await asyncio.gather(*running)
    wanted, limit_s = (KILLED, 1.0) if twice else (0, LIMIT_S)
    if status != wanted or left_s > limit_s:
        stage.seen.wrong.append(f"{member.name} ended with {status} after {left_s} s")
    stage.seen.left_s.append(left_s)
    member.start()
    await member.started()


async def _probe(stage: Stage, member: Member) -> None:
    """Ask a front that leaves whether it is ready until it takes no connection any more."""
    said: list[str] = []
    deadline = time.monotonic() + LEAVE_S + 1.0
    url = f"http://127.0.0.1:{member.settings['http_port']}/readyz"
    while time.monotonic() < deadline:
        try:
            async with httpx.AsyncClient(timeout=1.0) as http:
                ready = await http.get(url)
        except httpx.ConnectError:
            said.append("closed")
            break
        except httpx.TransportError:
            continue  # it was in the line of a port that was closed
        said.append("leaving" if '"leaving"' in ready.text else str(ready.status_code))
    order = [one for place, one in enumerate(said) if said[place - 1 : place] != [one]]
    if order not in (["leaving", "closed"], ["200", "leaving", "closed"]):
        stage.seen.wrong.append(f"{member.name}: probes were told {order}")


async def _transfer(stage: Stage, one: Transfer) -> None:
    """Do one, and note what is wrong with its end."""
    try:
        if one.number % 2:
            await _upload(stage, one)
        elif one.number % 10 == 8:
            await _watch(stage, one)
        else:
            await _download(stage, one)
    finally:
        one.begun.set()


async def _upload(stage: Stage, one: Transfer) -> None:
    path = f"{stage.cluster.front.tasks}?category={fault_app.CATEGORY}&action={fault_app.ACTION}"
    answer = await one.client.upload(path, _input(one.number), one.lasts_s, one.begun)
    seen = stage.seen
    if answer.cut is not None:
        seen.counts["uploads_broken_off"] += 1
    elif answer.status == 201:
        seen.counts["uploads_done"] += 1
        seen.made[orjson.loads(answer.body)["data"]["_read_only"]["id"]] = one.number
    else:
        seen.counts["uploads_refused"] += 1
        seen.refused.add(one.number)
        if answer.status != 503 or b'"cause":"leaving"' not in answer.body:
            seen.wrong.append(f"upload {one.number}: {_told(answer)}")
    if one.must_end and one.number not in seen.made.values():
        seen.wrong.append(f"upload {one.number} was in time: {_told(answer)}")


async def _download(stage: Stage, one: Transfer) -> None:
    query = "?safe=true" if one.number % 4 else ""
    version = "1.0" if one.number % 3 else "1.1"
    path = f"{stage.cluster.front.tasks}/{stage.task_id}/output{query}"
    size = len(stage.output)
    answer = await one.client.download(path, size, one.lasts_s, one.begun, version)
    is_whole = answer.body == stage.output
    stage.seen.counts["downloads_done" if is_whole else "downloads_cut"] += 1
    about = f"download {one.number} over HTTP/{version} {query}: {_told(answer)}"
    if answer.status != 200 or is_whole is not (answer.cut is None):
        stage.seen.wrong.append(f"{about}; {is_whole=}")
    if one.must_end and not is_whole:
        stage.seen.wrong.append(f"{about}; it was in time")


async def _watch(stage: Stage, one: Transfer) -> None:
    path = f"{stage.cluster.front.tasks}/{stage.pending_id}/events"
    answer = await one.client.download(path, 0, 0, one.begun)
    stage.seen.counts["streams"] += 1
    if answer.status != 200 or b"event: snapshot" not in answer.body:
        stage.seen.wrong.append(f"a stream of events: {_told(answer)}")
    if answer.cut is not None and not one.is_killed:
        stage.seen.wrong.append(f"a stream of events was cut: {_told(answer)}")


async def _input_faults(stage: Stage) -> list[str]:
    """What is wrong with the inputs of the tasks that there are, and which are missing."""
    front, seen = stage.cluster.front, stage.seen
    ours = {stage.task_id, stage.pending_id}
    stored = [one["_id"] for one in await stage.cluster.observer.tasks() if one["_id"] not in ours]
    faults = [f"upload {seen.made[one]} is gone" for one in seen.made.keys() - set(stored)]

    async def fault_of(task_id: str) -> str | None:
        csv = (await front.ask("GET", f"{front.tasks}/{task_id}/input")).content
        number = seen.made.get(task_id, _number_in(csv))
        if number is None or csv != _input(number):
            return f"task {task_id} of upload {number} has another input: {len(csv)} bytes"
        return f"upload {number} was refused and is a task" if number in seen.refused else None

    found = await crowd.each(fault_of, stored)
    return faults + [fault for fault in found if fault is not None]


def _input(number: int) -> bytes:
    return _csv(number, UPLOAD_ROWS, 10_000 if number % LARGE_EVERY == 0 else 10)


def _csv(number: int, rows: int, cell_bytes: int) -> bytes:
    words = (f"{oracle.word_of(number, row)}-".ljust(cell_bytes, "x") for row in range(rows))
    return oracle.INPUT_HEADER + "".join(f"1,{word}\n" for word in words).encode()


def _number_in(csv: bytes) -> int | None:
    """Which upload an input is of, by its first word."""
    word = csv.removeprefix(oracle.INPUT_HEADER).removeprefix(b"1,t").partition(b"-")[0]
    return int(word) if word.isdigit() else None


def _told(answer: Answer) -> str:
    return f"status {answer.status}, {len(answer.body)} bytes, {answer.cut or answer.body[:100]!r}"
