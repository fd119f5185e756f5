"""Tasks and log records for the store's tests, and a driver that loses answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo.errors import AutoReconnect

from kztasks.domain.log import ROOT_SHA, LogRecord, RecordKind, seal
from kztasks.domain.task import InputFile, Task, new_task_id
from kztasks.store.interface import TaskStore
from kztasks.store.mongo import MongoStore
from kztasks.store.mongo.tasks import MongoTasks

ACCOUNT = "a" * 32
OTHER_ACCOUNT = "b" * 32
CREATED = 63_900_000_000


def a_task(**changes: Any) -> Task:
    """A pending task, otherwise as `changes` say."""
    values: dict[str, Any] = {
        "id": new_task_id(),
        "account_id": ACCOUNT,
        "auth_account_id": ACCOUNT,
        "category": "skel",
        "action": "id2",
        "created": CREATED,
        "modified": CREATED,
    }
    return Task(**values | changes)


def an_input(file_id: str) -> InputFile:
    """The description of a small `in.csv`."""
    return InputFile(
        file_id=file_id, columns=("e164",), size=10, body_offset=5, body_line=2, sha256="0" * 64
    )


async def executing(tasks: TaskStore, node: str = "node-1", **changes: Any) -> Task:
    """A stored task that `node` has claimed."""
    task = a_task(**changes)
    await tasks.insert(task)
    claimed = await tasks.claim(task.id, node=node, worker=node, now=CREATED + 1)
    assert claimed is not None
    return claimed


def a_record(task_id: str, seq: int, **changes: Any) -> LogRecord:
    """A sealed batch record, otherwise as `changes` say."""
    values: dict[str, Any] = {
        "task_id": task_id,
        "seq": seq,
        "epoch": 1,
        "kind": RecordKind.BATCH,
        "offset": seq * 100,
        "line": seq * 10 + 1,
        "row": seq * 10,
        "data": f'{{"sum": {seq}}}',
        "failed": 0,
        "succeeded": seq * 10,
        "columns": (0, 1),
        "output": f"{seq},ok\r\n".encode(),
    }
    return seal(LogRecord(**values | changes), ROOT_SHA)


def tasks_over(store: MongoStore, faulty: Callable[[Any], Any]) -> MongoTasks:
    """The store's tasks for a process whose way to their collection is a faulty one."""
    tasks = store.tasks
    return MongoTasks(faulty(tasks._tasks), store.files, store.log, tasks._loose_ends)


class LosingAnswers:
    """A collection of the driver: does the next write, but its answer never arrives."""

    def __init__(self, collection: Any, *, together: bool = False) -> None:
        self._collection = collection
        alone = {"insert_one", "find_one_and_update", "update_one"}
        self._methods = {"bulk_write"} if together else alone
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    async def insert_one(self, *args: Any) -> Any:
        return await self._lose("insert_one", *args)

    async def find_one_and_update(self, *args: Any, **options: Any) -> Any:
        return await self._lose("find_one_and_update", *args, **options)

    async def update_one(self, *args: Any) -> Any:
        return await self._lose("update_one", *args)

    async def bulk_write(self, *args: Any, **options: Any) -> Any:
        return await self._lose("bulk_write", *args, **options)

    async def _lose(self, method: str, *args: Any, **options: Any) -> Any:
        answer = await getattr(self._collection, method)(*args, **options)
        if self.lost == 0 and method in self._methods:
            self.lost += 1
            raise AutoReconnect("connection closed")
        return answer


class FailingSilently:
    """A collection that changes nothing and says "no match", as the embedded server may do."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    async def find_one_and_update(self, *_: Any, **__: Any) -> None:
        return None

    async def find_one_and_delete(self, *_: Any, **__: Any) -> None:
        return None

    async def bulk_write(self, *_: Any, **__: Any) -> None:
        return None
