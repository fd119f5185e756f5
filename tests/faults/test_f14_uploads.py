"""F14: the store breaks off the upload of `out.csv` at one chunk after another."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kztasks.scheduler.output import local_path
from kztasks.store.mongo import MongoStore
from kztasks.store.mongo.files import CHUNK_BYTES
from tests.faults.harness import crowd, oracle
from tests.faults.harness.cluster import FaultCluster, Layout
from tests.faults.harness.cutting import Cut, CuttingProxy
from tests.faults.harness.lab import Lab
from tests.faults.harness.leftovers import left_over
from tests.faults.harness.matrix import matrix_row
from tests.faults.harness.store import DATABASE
from tests.faults.harness.summary import MatrixRow
from tests.faults.harness.tasks import GOING
from tests.faults.harness.watchdog import watched

CHUNKS: Final = 20
WORD_BYTES: Final = 60_000
ROWS: Final = (CHUNKS * CHUNK_BYTES) // WORD_BYTES
TRIES: Final = 2
EVER: Final = float("inf")
ENDED_S: Final = 120.0
LOOK_S: Final = 0.1
ROW: Final = MatrixRow(
    "F14",
    f"the connection to the store breaks at each of the {CHUNKS} chunks of an output: in the first "
    "try to upload it, and in every try",
    "stored by the second try; or kept on disk, downloaded from the log and stored by `kztasks "
    "output retry`, the same bytes each time; what a try leaves behind the janitor knows of",
)


@dataclass(frozen=True, slots=True)
class Positions:
    count: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A task whose upload is broken off, and what does so."""

    task: crowd.Owned
    cut: Cut

    @property
    def is_given_up(self) -> bool:
        """Whether no try works."""
        return self.cut.times == EVER


@matrix_row(ROW, full=Positions(CHUNKS), full_s=400, quick=Positions(2), quick_s=120)
async def test_an_upload_that_fails_anywhere_loses_nothing(lab: Lab, size: Positions) -> None:
    positions = sorted(lab.random.sample(range(CHUNKS), size.count))
    settings = crowd.MANY_REQUESTS | {"batch_rows": "1000"}
    async with (
        lab.cluster(Layout(schedulers=1, apps=1, settings=settings)) as cluster,
        _cutting(cluster) as proxy,
    ):
        uploads = await _uploads(cluster, proxy, positions)
        async with watched(cluster):
            for one in uploads:  # not at once: a broken connection may take others with it
                await one.task.front.begin(one.task.task_id)
                await _ended(cluster, one.task.task_id)
        wrong = [fault for one in uploads for fault in await _faults(cluster, one)]
        proxy.cuts.clear()
        said = await cluster.command("output", "retry", "--all")
        wrong += [fault for one in uploads for fault in await _stored(cluster, one)]
        for_the_janitor, lost = await left_over(cluster.observer)
        wrong += [f"nobody will remove {one}" for one in lost]
        lab.figures |= {
            "positions": len(positions),
            "uploads_broken_off": sum(one.cut.done for one in uploads),
            "stored_by_the_next_try": sum(not one.is_given_up for one in uploads),
            "stored_by_the_operator": len(re.findall(r"^\w+ \d+ bytes$", said, re.MULTILINE)),
            "left_for_the_janitor": len(for_the_janitor),
            "output_bytes": len(_expected(0)),
        }
        assert not wrong, "\n".join(wrong)


@asynccontextmanager
async def _cutting(cluster: FaultCluster) -> AsyncIterator[CuttingProxy]:
    """Have the scheduler's way to the store go through a proxy that cuts; few tries to upload."""
    store = MongoStore(cluster.store.url, DATABASE)
    await store.set_run_time_settings(
        {"attempt_upload_output_times": TRIES, "pause_between_upload_output_attempts_s": 0.1}
    )
    await store.close()
    proxy = CuttingProxy(cluster.store.port)
    await proxy.start()
    (scheduler,) = cluster.schedulers
    scheduler.kill()
    scheduler.settings["mongo_url"] = f"mongodb://127.0.0.1:{proxy.port}/"
    scheduler.start()
    await scheduler.started()
    try:
        yield proxy
    finally:
        scheduler.close()
        await proxy.close()


async def _uploads(
    cluster: FaultCluster, proxy: CuttingProxy, positions: Sequence[int]
) -> list[Upload]:
    """Two tasks for each position; one of them never gets beyond it."""
    cases = [(position, times) for position in positions for times in (1, EVER)]
    tasks = await crowd.create([cluster.front], range(len(cases)), _input)
    uploads = []
    for task, (position, times) in zip(tasks, cases, strict=True):
        chunk = rf"{task.task_id}/out\.csv/[0-9a-f]+:{position:08d}"
        uploads.append(Upload(task, Cut(re.compile(chunk.encode()), times)))
    proxy.cuts += [one.cut for one in uploads]
    return uploads


async def _ended(cluster: FaultCluster, task_id: str) -> None:
    deadline = time.monotonic() + ENDED_S
    while (await cluster.front.read(task_id))["status"] in GOING:
        assert time.monotonic() < deadline, f"task {task_id} has not ended"
        await asyncio.sleep(LOOK_S)


async def _faults(cluster: FaultCluster, upload: Upload) -> list[str]:
    """What is wrong when the task has ended."""
    task, faults = upload.task, []
    document = await cluster.front.read(task.task_id)
    kept = local_path(cluster.folder, task.task_id)
    wanted = "internal_error" if upload.is_given_up else "success"
    if document["status"] != wanted:
        faults.append(f"it is {document['status']} and must be {wanted}")
    if upload.cut.done != (TRIES if upload.is_given_up else 1):
        faults.append(f"its upload was broken off {upload.cut.done} times")
    if await cluster.front.output(task.task_id) != _expected(task.number):
        faults.append("other bytes are sent")
    if kept.exists() is not upload.is_given_up:
        faults.append(f"{kept}: {kept.exists()=}")
    if upload.is_given_up:
        faults += _kept_faults(kept, document, task.number)
    return [f"task {task.number}, {upload.cut.pattern.pattern!r}: {fault}" for fault in faults]


def _kept_faults(kept: Path, document: dict[str, Any], number: int) -> list[str]:
    faults = []
    if not kept.exists() or kept.read_bytes() != _expected(number):
        faults.append("other bytes are kept on disk")
    if str(kept) not in document.get("reason", ""):
        faults.append(f"the reason does not name the file: {document.get('reason')}")
    return faults


async def _stored(cluster: FaultCluster, upload: Upload) -> list[str]:
    """What is wrong when the operator has had all outputs stored."""
    document = await cluster.front.read(upload.task.task_id)
    faults = oracle.document_faults(document, ROWS)
    if await cluster.front.output(upload.task.task_id) != _expected(upload.task.number):
        faults.append("other bytes are sent from the store")
    return [f"task {upload.task.number}, in the end: {fault}" for fault in faults]


def _word(task: int, row: int) -> str:
    return f"{oracle.word_of(task, row)}-".ljust(WORD_BYTES, "x")


def _input(task: int) -> bytes:
    numbers = range(1, ROWS + 1)
    lines = (f"{oracle.number_of(task, row)},{_word(task, row)}\n" for row in numbers)
    return oracle.INPUT_HEADER + "".join(lines).encode()


def _expected(task: int) -> bytes:
    total, lines = 0, []
    for row in range(1, ROWS + 1):
        number = oracle.number_of(task, row)
        total += number
        lines.append(f'"{number}","{_word(task, row)}","{row}","{total}"\n'.encode())
    return oracle.OUTPUT_HEADER + b"".join(lines)
