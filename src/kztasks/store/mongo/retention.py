"""What the janitor finds and removes. Nothing here touches a task that has not ended.

Only a task that ended has the fields that are asked for: they are written with its final status.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NotRequired, TypedDict
from uuid import uuid4

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from kztasks.domain.retention import Belongings, Part, Trace
from kztasks.domain.status import TaskStatus
from kztasks.store.mongo import changes
from kztasks.store.mongo.audit import AuditDocument
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.log_document import LogDocument
from kztasks.store.mongo.loose_ends import MongoLooseEnds
from kztasks.store.mongo.schedule_document import ScheduleDocument
from kztasks.store.mongo.task_document import TaskDocument
from kztasks.store.retention import Due, LooseEnd, Round

_SINCE: Final = {**changes.KEPT_SINCE, Part.TASK: "final_since"}
_ROUND: Final = {"_id": {"$eq": "janitor"}}
_FILES: Final = {"input": 1, "output": 1, "attached": 1}


class RoundDocument(TypedDict):
    """`round` only ever grows; `at` is the database's time when it last did."""

    _id: str
    round: int
    at: NotRequired[datetime]


class MongoRetention:
    """`RetentionStore`."""

    def __init__(
        self, database: AsyncIOMotorDatabase[dict[str, Any]], loose_ends: MongoLooseEnds
    ) -> None:
        def collection(name: str) -> Any:
            return database.get_collection(name)

        self._database = database
        self._ends = loose_ends
        self._tasks: AsyncIOMotorCollection[TaskDocument] = collection("tasks")
        self._log: AsyncIOMotorCollection[LogDocument] = collection("log")
        self._audit: AsyncIOMotorCollection[AuditDocument] = collection("audit")
        self._schedules: AsyncIOMotorCollection[ScheduleDocument] = collection("schedules")
        self._rounds: AsyncIOMotorCollection[RoundDocument] = collection("rounds")
        self.doom = loose_ends.doom
        self.loose_ends = loose_ends.older

    async def now(self) -> datetime:
        """The time by the database's clock."""
        with translated("being asked for the time"):
            answer = await self._database.command("hello")
        return _aware(answer["localTime"])

    async def round(self) -> int:
        """The number of the last round."""
        with translated("reading the janitor's round"):
            found = await self._rounds.find_one(_ROUND)
            if found is not None:
                return found["round"]
            try:
                await self._rounds.insert_one({"_id": "janitor", "round": 0})
            except DuplicateKeyError:
                return await self.round()
        return 0

    async def begin_round(self, after: int) -> Round | None:
        """One up; one caller alone gets the number."""
        with translated("beginning a round of the janitor"):
            found = await self._rounds.find_one_and_update(
                {**_ROUND, "round": {"$eq": after}},
                {"$inc": {"round": 1}, "$currentDate": {"at": True}},
                return_document=ReturnDocument.AFTER,
            )
        if found is None:
            return None
        return Round(found["round"], _aware(found["at"]))

    async def due(self, what: Due, *, limit: int) -> list[Belongings]:
        """Tasks that have kept a part for long enough."""
        wanted = {"_id": 1} if what.part is Part.LOG else _FILES
        found = self._tasks.find(_query(what), wanted).limit(limit)
        with translated("looking for what was kept for long enough"):
            documents = await found.to_list(limit)
        return [_belongings(what.part, one) for one in documents]

    async def count_due(self, what: Due) -> int:
        """How many they are."""
        with translated("counting what was kept for long enough"):
            return await self._count("tasks", _query(what))

    async def expire(self, what: Due, belongings: Sequence[Belongings]) -> LooseEnd:
        """Write the loose end, then change or remove the documents."""
        end_id = f"{what.part.value}/{uuid4().hex}"
        await self._ends.hold(end_id, belongings)
        guard = {"_id": {"$in": [one.task_id for one in belongings]}, **_query(what)}
        with translated("ending the time for which a part of tasks is kept"):
            if what.part is Part.TASK:
                await self._tasks.delete_many(guard)
            else:
                await self._tasks.update_many(guard, changes.removed(what.part))
        return LooseEnd(end_id, tuple(belongings), beat=1)

    async def traces(self, task_ids: Collection[str]) -> Mapping[str, Trace]:
        """Those of the tasks, and of the schedules, that exist."""
        wanted = {"_id": {"$in": list(task_ids)}}
        found = self._tasks.find(wanted, {"pvt_status": 1, "removed": 1, **_FILES})
        with translated("reading tasks"):
            documents = await found.to_list(None)
            schedules = await self._schedules.find(wanted, {"input": 1}).to_list(None)
        of_schedules = {one["_id"]: _of_schedule(one) for one in schedules}
        return of_schedules | {
            one["_id"]: Trace(
                is_final=TaskStatus(one["pvt_status"]).is_final,
                file_ids=frozenset(_file_ids(one)),
                is_log_removed=Part.LOG.value in one.get("removed", ()),
            )
            for one in documents
        }

    async def remove_log_records(self, task_ids: Collection[str], *, limit: int) -> int:
        """A bounded number of records: one may hold megabytes."""
        found = self._log.find({"t": {"$in": list(task_ids)}}, {"_id": 1}).limit(limit)
        with translated("removing a log"):
            ids = [one["_id"] for one in await found.to_list(limit)]
            if ids:
                await self._log.delete_many({"_id": {"$in": ids}})
        return len(ids)

    async def postpone(self, ends: Collection[LooseEnd]) -> None:
        """Look at them again later."""
        await self._ends.postpone([one.end_id for one in ends])

    async def drop(self, ends: Collection[LooseEnd]) -> None:
        """Forget them."""
        await self._ends.drop([one.end_id for one in ends])

    async def remove_audit(self, *, before: int, limit: int) -> int:
        """A bounded number of entries."""
        found = self._audit.find({"at": {"$lt": before}}, {"_id": 1}).limit(limit)
        with translated("removing old entries of the audit log"):
            ids = [one["_id"] for one in await found.to_list(limit)]
            if ids:
                await self._audit.delete_many({"_id": {"$in": ids}})
        return len(ids)

    async def count_audit(self, *, before: int) -> int:
        """How many they are."""
        with translated("counting old entries of the audit log"):
            return await self._count("audit", {"at": {"$lt": before}})

    async def count_loose_ends(self, before: datetime) -> int:
        """How many they are."""
        with translated("counting loose ends"):
            return await self._count("loose_ends", {"at": {"$lt": before}})

    async def _count(self, collection: str, query: dict[str, Any]) -> int:
        """By the command `count`: the embedded server aggregates no dates that it wrote itself."""
        answer = await self._database.command("count", collection, query=query)
        return int(answer["n"])


def _query(what: Due) -> dict[str, Any]:
    """The embedded server finds nothing by a date it wrote itself together with `$in` or `$nin`."""
    query: dict[str, Any] = {
        _SINCE[what.part]: {"$lt": what.before},
        "pvt_ended_at": {"$exists": True},
    }
    if what.with_output is not None:
        query["output"] = {"$exists": what.with_output}
    return query


def _belongings(part: Part, document: TaskDocument) -> Belongings:
    file_ids = () if part is Part.LOG else tuple(_file_ids(document))
    return Belongings(document["_id"], file_ids, log=part is not Part.FILES)


def _of_schedule(document: ScheduleDocument) -> Trace:
    """A schedule keeps its input as long as it is there, and has no log."""
    file = document["input"]
    file_ids = frozenset({file["file_id"]} if file is not None else ())
    return Trace(is_final=True, file_ids=file_ids, is_log_removed=False)


def _file_ids(document: TaskDocument) -> list[str]:
    files = (document.get("input"), document.get("output"), document.get("attached"))
    return [file["file_id"] for file in files if file is not None]


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC)
