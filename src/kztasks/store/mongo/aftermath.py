"""What is still to be done for tasks that have ended, as fields of their documents."""

from __future__ import annotations

import time
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING

from kztasks.domain.gregorian import from_unix
from kztasks.domain.task import Task
from kztasks.store.aftermath import Redelivery
from kztasks.store.mongo import changes
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.task_document import TaskDocument, task_of

_DUE: Final = {"$eq": True}


class MongoAftermath:
    """`AftermathStore`."""

    def __init__(self, tasks: AsyncIOMotorCollection[TaskDocument]) -> None:
        self._tasks = tasks

    async def cleanup_nodes(self) -> frozenset[str | None]:
        """Nodes that are to call the cleanup of a task."""
        with translated("looking for cleanups"):
            nodes = await self._tasks.distinct("owner.node", {"cleanup_due": _DUE})
        return frozenset(nodes)

    async def cleanups_of(self, node: str | None, *, limit: int) -> list[Task]:
        """Tasks whose cleanup a node is to call."""
        found = self._tasks.find({"cleanup_due": _DUE, "owner.node": {"$eq": node}}).limit(limit)
        with translated("looking for cleanups"):
            return [task_of(document) for document in await found.to_list(limit)]

    async def take_cleanup(self, task_id: str, *, lost: str | None, node: str) -> bool:
        """Let another node call a cleanup."""
        guard = {"_id": {"$eq": task_id}, "cleanup_due": _DUE, "owner.node": {"$eq": lost}}
        with translated("taking a cleanup"):
            result = await self._tasks.update_one(guard, {"$set": {"owner.node": node}})
        return result.matched_count == 1

    async def cleaned(self, task_id: str, *, reason: str | None = None) -> None:
        """The cleanup was called."""
        change: changes.Update = {"$unset": {"cleanup_due": ""}}
        if reason is not None:
            change |= changes.explained(reason, _now())
        guard = {"_id": {"$eq": task_id}, "cleanup_due": _DUE}
        with translated("noting a cleanup"):
            await self._tasks.update_one(guard, change)

    async def without_output(self, *, after: str, limit: int) -> list[Task]:
        """Tasks that ended, whose log is the only copy of their output."""
        query = {
            "_id": {"$gt": after},
            "log_kept_since": {"$exists": True},
            "output": {"$exists": False},
        }
        found = self._tasks.find(query).sort("_id", ASCENDING).limit(limit)
        with translated("looking for outputs that are not stored"):
            return [task_of(document) for document in await found.to_list(limit)]

    async def redeliver(self, task_id: str, *, epoch: int, to: Redelivery) -> bool:
        """Give a task its output."""
        guard: dict[str, Any] = {
            "_id": {"$eq": task_id},
            "log_kept_since": {"$exists": True},
            "output": {"$exists": False},
            "owner.epoch": {"$eq": epoch},
        }
        with translated("storing the description of an output"):
            result = await self._tasks.update_one(guard, changes.redelivered(to, _now()))
            if result.matched_count == 1:
                return True
            document = await self._tasks.find_one({"_id": {"$eq": task_id}})
        return document is not None and task_of(document).output == to.output


def _now() -> int:
    """For people (`pvt_modified`); nothing compares it with another machine's clock."""
    return from_unix(time.time())
