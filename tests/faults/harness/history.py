"""Writers that keep a history of what the store has acknowledged, and the look whether it is there.

They use the store as the product does. A write whose answer was lost is of unknown outcome: it is
repeated as the product repeats it, and counts once it is acknowledged.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from kztasks.domain.log import ROOT_SHA, LogRecord, RecordKind, seal
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Owner, Task
from kztasks.errors import StoreUnavailable
from kztasks.store.mongo import MongoStore

T = TypeVar("T")
RETRY_S: Final = 0.05
LARGEST_FILE: Final = 900_000


@dataclass(slots=True)
class History:
    """What was acknowledged, by kind."""

    records: dict[str, list[LogRecord]] = field(default_factory=dict)
    """The log of each task."""
    files: dict[str, bytes] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    """The last owner of each task that compare-and-set has made."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Writes whose answer was lost."""

    @property
    def counts(self) -> dict[str, int]:
        """How many writes of each kind were acknowledged."""
        return {
            "appends": sum(map(len, self.records.values())),
            "uploads": len(self.files),
            "owner_changes": sum(owner.epoch for owner in self.owners.values()),
        }


async def _acknowledged(history: History, kind: str, write: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await write()
        except StoreUnavailable:
            history.unknown[kind] += 1
            await asyncio.sleep(RETRY_S)


async def append_for_ever(store: MongoStore, history: History, task_id: str) -> None:
    """Append one record after the other to one log."""
    records = history.records.setdefault(task_id, [])
    while True:
        record = _record(task_id, records)
        there = await _acknowledged(history, "append", lambda r=record: store.log.append(r))  # type: ignore[misc]  # mypy cannot type a lambda's default
        assert there.sha == record.sha, f"somebody else's record stands at {record.seq}"
        records.append(record)


def _record(task_id: str, before: list[LogRecord]) -> LogRecord:
    seq = len(before)
    record = LogRecord(
        task_id=task_id,
        seq=seq,
        epoch=1,
        kind=RecordKind.BATCH if seq else RecordKind.BEGIN,
        offset=seq * 100,
        line=seq,
        row=seq,
        data=str(seq),
        failed=0,
        succeeded=seq,
        output=f'"{task_id}","{seq}"\n'.encode() * 20,
    )
    return seal(record, before[-1].sha if before else ROOT_SHA)


async def upload_for_ever(
    store: MongoStore, history: History, name: str, rng: random.Random
) -> None:
    """Upload one file after the other; what was begun and failed is begun anew under a new id."""
    number = 0
    while True:
        number += 1
        file_id, content = f"{name}-{number}", rng.randbytes(rng.randrange(1, LARGEST_FILE))
        try:
            async with store.files.upload(file_id, "file") as upload:
                await upload.write(content)
                await upload.commit()
        except StoreUnavailable:
            history.unknown["upload"] += 1
            await asyncio.sleep(RETRY_S)
        else:
            history.files[file_id] = content


async def change_owners_for_ever(store: MongoStore, history: History, task_id: str) -> None:
    """Have a task taken over by one node after the other, by compare-and-set."""
    task = Task(
        id=task_id,
        account_id="a" * 32,
        auth_account_id="a" * 32,
        category="faults",
        action="sum",
        created=1,
        modified=1,
        status=TaskStatus.PENDING,
    )
    await _acknowledged(history, "insert", lambda: store.tasks.insert(task))
    claimed = await _acknowledged(
        history, "claim", lambda: store.tasks.claim(task_id, node="n1", worker="n1@test", now=1)
    )
    assert claimed is not None, "the only one who claims a task does not get it"
    owner = history.owners[task_id] = Owner("n1", 1)
    while True:
        owner = await _take_over(store, history, task_id, owner)
        history.owners[task_id] = owner


async def _take_over(store: MongoStore, history: History, task_id: str, owner: Owner) -> Owner:
    node = f"n{owner.epoch + 1}"
    taken = await _acknowledged(
        history,
        "take_over",
        lambda: store.tasks.take_over(
            task_id, lost=owner.node, epoch=owner.epoch, node=node, worker=f"{node}@test"
        ),
    )
    assert taken is not None, f"the only one who takes {task_id} over does not get it"
    return Owner(node, owner.epoch + 1)


@asynccontextmanager
async def writing(
    store: MongoStore, history: History, rng: random.Random, writers: int
) -> AsyncIterator[None]:
    """So many writers of each kind at work while the context is open.

    Raises:
        AssertionError: a write was not acknowledged as its own.
    """
    tasks = [
        asyncio.create_task(writer)
        for number in range(writers)
        for writer in (
            append_for_ever(store, history, f"history-log-{number}"),
            upload_for_ever(store, history, f"history-file-{number}", rng),
            change_owners_for_ever(store, history, f"history-task-{number}"),
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result


async def missing(store: MongoStore, history: History) -> list[str]:
    """What was acknowledged and is not there, or is not as it was acknowledged."""
    wrong = []
    for task_id, records in history.records.items():
        there = [record async for record in store.log.records(task_id)]
        if there[: len(records)] != records:
            wrong.append(f"log {task_id}: {len(records)} acknowledged, {len(there)} there")
    for file_id, content in history.files.items():
        if await _content(store, file_id) != content:
            wrong.append(f"file {file_id} of {len(content)} bytes")
    for task_id, owner in history.owners.items():
        task = await store.tasks.get(task_id)
        if task is None or task.owner is None or task.owner.epoch < owner.epoch:
            wrong.append(f"owner of {task_id}: {owner} acknowledged, {task and task.owner} there")
    return wrong


async def _content(store: MongoStore, file_id: str) -> bytes:
    download = await store.files.download(file_id)
    content = bytearray()
    while part := await download.read(256 * 1024):
        content += part
    return bytes(content)
