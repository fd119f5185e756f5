"""Tasks in all states for the janitor's tests, what is stored of them, and a process that dies."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import AttachedFile, OutputFile, Task, stored_files
from kztasks.scheduler.sweep import Retention, Sweeper, Swept
from kztasks.store.interface import Ending, Store
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import CREATED, a_record, a_task, an_input

HOURS: Final = timedelta(hours=1)
DAYS: Final = timedelta(days=1)
KEEP: Final = Retention(
    log=24 * HOURS,
    log_without_output=7 * DAYS,
    files=None,
    tasks=None,
    audit=365 * DAYS,
    grace=24 * HOURS,
)
"""The defaults."""
RECORDS: Final = 3
BIG: Final = 3 * 1024 * 1024
"""Some groups of chunks."""


async def upload(store: Store, file_id: str, size: int = 10) -> None:
    """Store a file."""
    async with store.files.upload(file_id, "f") as target:
        await target.write(b"x" * size)
        await target.commit()


async def pending(store: Store) -> Task:
    """A task that nobody has started, with its input."""
    task = a_task()
    task = a_task(id=task.id, input=an_input(f"{task.id}.in.csv"))
    await upload(store, f"{task.id}.in.csv")
    await store.tasks.insert(task)
    return task


async def executing(store: Store) -> Task:
    """A task that runs: some of its log is there."""
    task = await pending(store)
    claimed = await store.tasks.claim(task.id, node="n", worker="n", now=CREATED)
    assert claimed is not None
    for seq in range(RECORDS):
        await store.log.append(a_record(task.id, seq))
    return claimed


async def ended(store: Store, *, has_output: bool = True, ended_at: int = CREATED + 9) -> Task:
    """A task that has ended, with all kinds of files."""
    task = await executing(store)
    output = OutputFile(file_id=f"{task.id}/out.csv/1", size=10, sha256="")
    attached = AttachedFile(name="a.pdf", file_id=f"{task.id}/a.pdf/1", size=10, sha256="")
    await upload(store, attached.file_id)
    if has_output:
        await upload(store, output.file_id)
    ending = an_ending(
        status=TaskStatus.SUCCESS if has_output else TaskStatus.INTERNAL_ERROR,
        ended_at=ended_at,
        output=output if has_output else None,
        attached=attached,
    )
    assert await store.tasks.finish(task.id, epoch=1, ending=ending)
    return await read(store, task.id)


def an_ending(**changes: Any) -> Ending:
    """A stop, otherwise as `changes` say."""
    values: dict[str, Any] = {
        "status": TaskStatus.STOPPED,
        "ended_at": CREATED + 9,
        "failed": 0,
        "succeeded": 1,
        "output": None,
        "reason": None,
    }
    return Ending(**values | changes)


async def read(store: Store, task_id: str) -> Task:
    """The task as it is now."""
    task = await store.tasks.get(task_id)
    assert task is not None
    return task


async def go_on() -> None:
    """Between two steps: no pause."""


async def sweep(store: Store, after: timedelta, retention: Retention = KEEP) -> Swept:
    """Make a pass as if so much time had gone by."""
    now = await store.retention.now()
    return await Sweeper(store, retention, go_on).sweep(now + after)


async def settle(store: Store, retention: Retention = KEEP) -> None:
    """Two passes, each a grace after all that was written before: nothing stays open after them."""
    for _ in range(2):
        await sweep(store, 25 * HOURS, retention)


@dataclass(frozen=True)
class Stored:
    """What lies in the database, whether or not the server shows it."""

    files: frozenset[str]
    chunks: int
    log: dict[str, int]
    """Records by task."""
    loose_ends: int


async def stored(store: MongoStore, folder: Path | None) -> Stored:
    """Look at everything; `folder` is the embedded server's."""
    database = store._database
    log = Counter([one["t"] async for one in database["log"].find({}, {"t": 1})])
    ends = await database["loose_ends"].count_documents({})
    if folder is None:
        files = [one["_id"] async for one in database["attachments.files"].find({})]
        chunks = await database["attachments.chunks"].count_documents({})
        return Stored(frozenset(files), chunks, dict(log), ends)
    with closing(sqlite3.connect(folder / f"{database.name}.db")) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if "attachments_files" not in names:
            return Stored(frozenset(), 0, dict(log), ends)
        rows = connection.execute("SELECT _id FROM attachments_files").fetchall()
        chunks = connection.execute("SELECT count(*) FROM attachments_chunks").fetchone()[0]
    return Stored(frozenset(row[0] for row in rows), chunks, dict(log), ends)


async def referenced(store: MongoStore) -> frozenset[str]:
    """The files that tasks point to."""
    ids = [one["_id"] async for one in store._database["tasks"].find({}, {"_id": 1})]
    tasks = [await read(store, one) for one in ids]
    return frozenset(file.file_id for task in tasks for file in stored_files(task).values())


async def assert_exact(store: MongoStore, folder: Path | None) -> None:
    """There is each file that is pointed to, whole, no other one, and no log without its task."""
    found, wanted = await stored(store, folder), await referenced(store)
    assert found.files == wanted
    chunks = 0
    for file_id in wanted:
        size = (await store.files.download(file_id)).size
        chunks += -(-size // (255 * 1024))
    assert found.chunks == chunks
    for task_id in found.log:
        assert "log" not in (await read(store, task_id)).removed


class Killed(BaseException):
    """The process is dead; nobody in it can catch that and go on."""


_WRITES: Final = frozenset(
    {
        *("insert_one", "insert_many", "update_one", "update_many", "delete_one", "delete_many"),
        *("find_one_and_update", "find_one_and_delete"),
    }
)


@dataclass
class Death:
    """A process dies at its write number `at`, before or after it has reached the database."""

    at: int
    is_after: bool
    writes: int = 0

    @property
    def has_come(self) -> bool:
        """Whether the process is dead."""
        return self.writes >= self.at


class Mortal:
    """A collection of the driver in a process that dies."""

    def __init__(self, collection: Any, death: Death) -> None:
        self._collection = collection
        self._death = death

    def __getattr__(self, name: str) -> Any:
        if self._death.has_come:
            raise Killed
        method = getattr(self._collection, name)
        if name not in _WRITES:
            return method

        async def write(*args: Any, **options: Any) -> Any:
            if self._death.has_come:
                raise Killed
            self._death.writes += 1
            if self._death.has_come and not self._death.is_after:
                raise Killed
            answer = await method(*args, **options)
            if self._death.has_come:
                raise Killed
            return answer

        return write


def _make_mortal(part: Any, death: Death) -> None:
    """Every collection that a part of the store has, or that a part of it has."""
    for name, value in vars(part).items():
        if type(value).__name__ == "AsyncIOMotorCollection":
            setattr(part, name, Mortal(value, death))
        elif type(value).__module__.startswith("kztasks.store.mongo"):
            _make_mortal(value, death)


@contextmanager
def mortal(url: str, database: str, death: Death) -> Iterator[MongoStore]:
    """A store in a process that dies."""
    store = MongoStore(url, database)
    parts: tuple[Any, ...] = (
        store.files, store.tasks, store.log, store.retention, store.retention._ends,
    )  # fmt: skip
    for part in parts:
        _make_mortal(part, death)
    try:
        yield store
    except Killed:
        pass
    finally:
        store._client.close()


class StoreWith:
    """A store with some parts of it replaced."""

    def __init__(self, store: Store, **parts: Any) -> None:
        self._store = store
        for name, part in parts.items():
            setattr(self, name, part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
