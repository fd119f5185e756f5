"""Changes of task documents, each under a guard.

The guard is what must hold for the change to be made, such as the owner's epoch. Many changes at
once go in few commands; such a command does not say which of its guards held, so the documents are
read after it, and each change knows from its own document whether it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument, UpdateOne

from kztasks.domain.task import Task
from kztasks.errors import StoreUnavailable
from kztasks.store.mongo.changes import Update
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.task_document import TaskDocument, task_of
from kztasks.store.mongo.together import Lane, Together, failures

Guard = dict[str, dict[str, str | int | None]]
"""A filter; each value stands behind an operator, so that no value can be one."""

_NOT_DONE = "the database did not carry out a change"


@dataclass(frozen=True, slots=True)
class GuardedChange:
    """A change that may go together with others.

    Args:
        task_id: of the document.
        guard: what must hold; `$eq` alone.
        update: the change.
        is_made: whether a document is as this very call has left it.
    """

    task_id: str
    guard: Guard
    update: Update
    is_made: Callable[[TaskDocument], bool]


class TaskChanges:
    """Changes documents of the collection `tasks`."""

    def __init__(
        self, tasks: AsyncIOMotorCollection[TaskDocument], lane: Lane | None = None
    ) -> None:
        self._tasks = tasks
        self._together: Together[GuardedChange, Task | None] = Together(self._many, lane)

    async def change(self, guard: Guard, update: Update) -> Task | None:
        """Make a change if its guard holds; the task after it.

        Raises:
            StoreUnavailable: it was not made, or nobody knows whether it was.
        """
        with translated("changing a task"):
            return await self._one(guard, update)

    async def change_together(self, change: GuardedChange) -> Task | None:
        """Make a change, with those of others that come at the same time; as `change`."""
        with translated("changing a task"):
            return await self._together.do(change, lambda: self._one(change.guard, change.update))

    async def refuse_match(self, guard: Guard) -> None:
        """The embedded server says "no match" as well when it fails, such as on a full disk.

        Raises:
            StoreUnavailable: the guard holds, so the change ought to have been made.
        """
        with translated("reading a task"):
            matching = await self._tasks.find_one(guard)
        if matching is not None:
            raise StoreUnavailable(_NOT_DONE)

    async def _one(self, guard: Guard, update: Update) -> Task | None:
        document = await self._tasks.find_one_and_update(
            guard, update, return_document=ReturnDocument.AFTER
        )
        if document is not None:
            return task_of(document)
        await self.refuse_match(guard)
        return None

    async def _many(self, made: Sequence[GuardedChange]) -> Sequence[Task | Exception | None]:
        commands = [UpdateOne(change.guard, change.update) for change in made]
        failed = await failures(self._tasks.bulk_write(commands, ordered=False), len(made))
        ids = {change.task_id for change in made}
        found = self._tasks.find({"_id": {"$in": sorted(ids)}})
        by_id = {document["_id"]: document for document in await found.to_list(None)}
        return [
            failed.get(index) or _outcome(change, by_id.get(change.task_id))
            for index, change in enumerate(made)
        ]


def _outcome(change: GuardedChange, document: TaskDocument | None) -> Task | Exception | None:
    if document is None:
        return None
    if change.is_made(document):
        return task_of(document)
    return StoreUnavailable(_NOT_DONE) if _holds(change.guard, document) else None


def _holds(guard: Guard, document: TaskDocument) -> bool:
    return all(_value(document, path) == wanted["$eq"] for path, wanted in guard.items())


def _value(document: TaskDocument, path: str) -> object:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
