"""Task documents in the collection `tasks`.

Every change is one document changed under a guard: the state that it starts from. The guard holds
the owner's epoch wherever an owner writes, so that one who lost the task changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Collection
from functools import partial
from typing import Final
from uuid import uuid4

import structlog
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from kztasks.domain.gregorian import from_unix
from kztasks.domain.retention import Belongings
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Owner, Task, stored_files
from kztasks.errors import StoreUnavailable
from kztasks.store.filters import EVERYTHING, TaskFilter
from kztasks.store.interface import Ending, Held, PageKey, View
from kztasks.store.mongo import changes
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.files import MongoFiles
from kztasks.store.mongo.log import MongoLog
from kztasks.store.mongo.loose_ends import MongoLooseEnds
from kztasks.store.mongo.task_changes import Guard, GuardedChange, TaskChanges
from kztasks.store.mongo.task_document import TaskDocument, created_key, task_document, task_of
from kztasks.store.mongo.task_filter import Query, query_of
from kztasks.store.mongo.together import Lane, Reads

_logger = structlog.get_logger(__name__)

DOUBT_S: Final = 60.0
"""A database may carry a change out so long after the connection that it came by was lost."""
_EXECUTING: Final = {"$eq": TaskStatus.EXECUTING.value}


class MongoTasks:
    """`TaskStore`."""

    def __init__(
        self,
        tasks: AsyncIOMotorCollection[TaskDocument],
        files: MongoFiles,
        log: MongoLog,
        loose_ends: MongoLooseEnds,
        lane: Lane | None = None,
    ) -> None:
        self._tasks = tasks
        self._loose_ends = loose_ends
        self._files = files
        self._log = log
        self._reads = Reads(tasks, lane)
        self._changes = TaskChanges(tasks, lane)
        self._unanswered: dict[tuple[str, Owner], float] = {}
        """When the last answer to a claim or take-over was lost, by the monotonic clock."""

    async def insert(self, task: Task) -> None:
        """Store a new pending task."""
        with translated("storing a task"):
            try:
                await self._tasks.insert_one(task_document(task))
            except DuplicateKeyError:
                return

    async def get(self, task_id: str, account_id: str | None = None) -> Task | None:
        """The task, if it exists and, where given, belongs to the account."""
        with translated("reading a task"):
            document = await self._reads.read(task_id)
        if document is None:
            return None
        if account_id is not None and document.get("pvt_account_id") != account_id:
            return None
        return task_of(document)

    async def page(
        self,
        account_id: str,
        *,
        limit: int,
        start: PageKey | None,
        where: TaskFilter = EVERYTHING,
    ) -> list[Task]:
        """Tasks of an account, newest first, from `start` on (inclusive)."""
        if where.is_empty:
            return []
        query: Query = {"pvt_account_id": {"$eq": account_id}}
        if start is not None:
            query["created_key"] = {"$lte": created_key(start.created, start.task_id)}
        if where.conditions:
            query["$and"] = query_of(where)
        found = self._tasks.find(query).sort("created_key", DESCENDING).limit(limit)
        with translated("listing tasks"):
            return [task_of(document) for document in await found.to_list(limit)]

    async def claim(self, task_id: str, *, node: str, worker: str, now: int) -> Task | None:
        """Pending to executing; one caller alone gets the task."""
        guard: Guard = {
            "_id": {"$eq": task_id},
            "pvt_status": {"$eq": TaskStatus.PENDING.value},
        }
        claim = uuid4().hex
        change = changes.claimed(node=node, worker=worker, now=now, claim=claim)
        made = self._changes.change_together(
            GuardedChange(task_id, guard, change, is_made=partial(_is_claimed, claim))
        )
        return await self._own(task_id, Owner(node, 1), made)

    async def take_over(
        self, task_id: str, *, lost: str | None, epoch: int, node: str, worker: str
    ) -> Task | None:
        """From one owner to the next; one caller alone gets the task."""
        owner = Owner(node, epoch + 1)
        change = changes.taken_over(
            owner=owner, worker=worker, rescued=lost is not None, now=_now()
        )
        made = self._changes.change(_owned(task_id, lost, epoch), change)
        return await self._own(task_id, owner, made)

    async def release(self, task_id: str, *, node: str, epoch: int) -> bool:
        """Give an executing task back."""
        change = changes.released(_now())
        if await self._changes.change(_owned(task_id, node, epoch), change) is not None:
            return True
        task = await self.get(task_id)
        return task is not None and task.owner == Owner(None, epoch)

    async def gained(self) -> AsyncIterator[Task]:
        """Tasks that are owned because of a call whose answer was lost."""
        for attempt, since in list(self._unanswered.items()):
            task_id, owner = attempt
            written = await self.get(task_id)
            is_gained = written is not None and written.owner == owner
            if is_gained or time.monotonic() - since > DOUBT_S:
                self._unanswered.pop(attempt, None)
            if written is not None and is_gained and not written.status.is_final:
                yield written

    async def owners(self) -> frozenset[str]:
        """Nodes that executing tasks belong to."""
        with translated("listing owners"):
            nodes = await self._tasks.distinct("owner.node", {"pvt_status": _EXECUTING})
        return frozenset(node for node in nodes if node is not None)

    async def owned_by(self, node: str | None, *, limit: int) -> list[Task]:
        """Executing tasks of an owner."""
        found = self._tasks.find({"pvt_status": _EXECUTING, "owner.node": {"$eq": node}})
        with translated("listing an owner's tasks"):
            return [task_of(document) for document in await found.limit(limit).to_list(limit)]

    async def held_by(self, node: str, task_ids: Collection[str]) -> dict[str, Held]:
        """Which of these tasks an owner executes."""
        own = {"pvt_status": _EXECUTING, "owner.node": {"$eq": node}}
        among = {"_id": {"$in": list(task_ids)}, **own}
        found = self._tasks.find(among, {"owner": 1, "stop_requested": 1})
        with translated("looking at an owner's tasks"):
            return {
                task["_id"]: Held(task["owner"]["epoch"], bool(task.get("stop_requested")))
                for task in await found.to_list(None)
            }

    async def count(self, account_id: str, statuses: Collection[TaskStatus], *, most: int) -> int:
        """How many tasks of an account have one of the statuses."""
        among = {
            "pvt_account_id": {"$eq": account_id},
            "pvt_status": {"$in": [status.value for status in statuses]},
        }
        with translated("counting tasks"):
            # The command, not the driver's `count_documents`: that one goes by a pipeline, for
            # which the embedded server reads every task that there is.
            found = await self._tasks.database.command(
                "count", self._tasks.name, query=among, limit=most
            )
        return int(found["n"])

    async def request_stop(self, task_id: str) -> Task | None:
        """Ask the owner to stop."""
        guard: Guard = {"_id": {"$eq": task_id}, "pvt_status": dict(_EXECUTING)}
        return await self._changes.change(guard, changes.stop_requested(_now()))

    async def refresh(self, task_id: str, *, node: str, epoch: int, view: View) -> Task | None:
        """Write the view and read the task."""
        return await self._changes.change(
            _owned(task_id, node, epoch), changes.viewed(view, _now())
        )

    async def finish(self, task_id: str, *, epoch: int, ending: Ending) -> bool:
        """Executing to final."""
        guard: Guard = {
            "_id": {"$eq": task_id},
            "pvt_status": dict(_EXECUTING),
            "owner.epoch": {"$eq": epoch},
        }
        is_made = partial(_is_ended, epoch, ending)
        change = GuardedChange(task_id, guard, changes.ended(ending), is_made=is_made)
        if await self._changes.change_together(change) is not None:
            return True
        task = await self.get(task_id)
        return task is not None and changes.is_ended_as(task, epoch, ending)

    async def delete(self, task_id: str) -> Task | None:
        """Remove the document, then what it pointed to.

        In this order a crash leaves files that no task knows, never a task without its files. They
        are written down before; the note stays, so that what a scheduler that has lost the task
        still writes is removed too.
        """
        known = await self.get(task_id)
        if known is None or known.status is TaskStatus.EXECUTING:
            return None
        await self._loose_ends.hold(f"delete/{task_id}", [_belongings(known)])
        guard: Guard = {
            "_id": {"$eq": task_id},
            "pvt_status": {"$ne": TaskStatus.EXECUTING.value},
        }
        with translated("removing a task"):
            document = await self._tasks.find_one_and_delete(guard)
        if document is None:
            await self._changes.refuse_match(guard)
            return None
        task = task_of(document)
        await self._remove_belongings(task)
        return task

    async def _remove_belongings(self, task: Task) -> None:
        try:
            await self._log.delete(task.id)
            for file in stored_files(task).values():
                await self._files.delete(file.file_id)
        except StoreUnavailable:
            _logger.warning("orphans_left", task_id=task.id, exc_info=True)

    async def _own(self, task_id: str, owner: Owner, made: Awaitable[Task | None]) -> Task | None:
        """Change the owner. Repeated after a lost answer, the call finds what it has written.

        Asking the document alone would not do: two calls of one process would both get the task.
        """
        attempt = (task_id, owner)
        try:
            task = await made
        except StoreUnavailable:
            self._unanswered[attempt] = time.monotonic()
            raise
        if task is None and attempt in self._unanswered:
            written = await self.get(task_id)
            if written is not None and not written.status.is_final and written.owner == owner:
                task = written
        self._unanswered.pop(attempt, None)
        return task


def _owned(task_id: str, node: str | None, epoch: int) -> Guard:
    return {
        "_id": {"$eq": task_id},
        "pvt_status": dict(_EXECUTING),
        "owner.node": {"$eq": node},
        "owner.epoch": {"$eq": epoch},
    }


def _belongings(task: Task) -> Belongings:
    file_ids = tuple(file.file_id for file in stored_files(task).values())
    return Belongings(task.id, file_ids, log=True)


def _is_claimed(claim: str, document: TaskDocument) -> bool:
    return document.get("owner", {}).get("claim") == claim


def _is_ended(epoch: int, ending: Ending, document: TaskDocument) -> bool:
    return changes.is_ended_as(task_of(document), epoch, ending)


def _now() -> int:
    """For people (`pvt_modified`); nothing compares it with another machine's clock."""
    return from_unix(time.time())
