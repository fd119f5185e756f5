"""Schedules in the collection `schedules`, what became of their moments in `schedule_runs`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from kztasks.domain.gregorian import from_unix
from kztasks.domain.retention import Belongings
from kztasks.domain.schedule import RunRecord, Schedule
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.files import MongoFiles
from kztasks.store.mongo.loose_ends import MongoLooseEnds
from kztasks.store.mongo.schedule_document import (
    RecordDocument,
    ScheduleDocument,
    record_document,
    record_of,
    schedule_document,
    schedule_of,
)

RECORDS_KEPT_S: Final = 90 * 24 * 3600


class MongoSchedules:
    """`ScheduleStore`."""

    def __init__(
        self,
        schedules: AsyncIOMotorCollection[ScheduleDocument],
        records: AsyncIOMotorCollection[RecordDocument],
        files: MongoFiles,
        loose_ends: MongoLooseEnds,
    ) -> None:
        self._schedules = schedules
        self._records = records
        self._files = files
        self._loose_ends = loose_ends

    async def insert(self, schedule: Schedule) -> None:
        """Store a new schedule."""
        with translated("storing a schedule"), suppress(DuplicateKeyError):
            await self._schedules.insert_one(schedule_document(schedule))

    async def get(self, schedule_id: str, account_id: str | None = None) -> Schedule | None:
        """The schedule, if it exists and, where given, belongs to the account."""
        where: dict[str, Any] = {"_id": {"$eq": schedule_id}}
        if account_id is not None:
            where["pvt_account_id"] = {"$eq": account_id}
        with translated("reading a schedule"):
            document = await self._schedules.find_one(where)
        return schedule_of(document) if document is not None else None

    async def of_account(self, account_id: str, *, limit: int) -> list[Schedule]:
        """Schedules of an account, newest first."""
        found = self._schedules.find({"pvt_account_id": {"$eq": account_id}})
        with translated("listing schedules"):
            documents = await found.sort("pvt_created", DESCENDING).limit(limit).to_list(limit)
        return [schedule_of(document) for document in documents]

    async def due(self, now: int) -> AsyncIterator[Schedule]:
        """Those with something to do, or whose task is being made; who waits longest first."""
        found = self._schedules.find({"wakes": {"$lte": from_unix(now)}}).sort("wakes", ASCENDING)
        while True:
            with translated("looking for schedules that are due"):
                document = await anext(found, None)
            if document is None:
                return
            yield schedule_of(document)

    async def replace(self, schedule: Schedule) -> bool:
        """Store the next version."""
        document = schedule_document(schedule)
        values = {name: value for name, value in document.items() if name != "_id"}
        with translated("changing a schedule"):
            result = await self._schedules.update_one(
                {"_id": {"$eq": schedule.id}, "version": {"$eq": schedule.version - 1}},
                {"$set": values},
            )
        return result.matched_count == 1 or await self.get(schedule.id) == schedule

    async def delete(self, schedule_id: str) -> Schedule | None:
        """Remove the document, then the input; the janitor does what a crash leaves out."""
        known = await self.get(schedule_id)
        if known is None:
            return None
        file_ids = (known.input.file_id,) if known.input is not None else ()
        await self._loose_ends.hold(f"delete/{schedule_id}", [Belongings(schedule_id, file_ids)])
        with translated("removing a schedule"):
            document = await self._schedules.find_one_and_delete({"_id": {"$eq": schedule_id}})
        if document is None:
            return None
        for file_id in file_ids:
            await self._files.delete(file_id)
        return schedule_of(document)

    async def record(self, record: RunRecord) -> None:
        """Keep what became of a moment."""
        with translated("recording a schedule's moment"), suppress(DuplicateKeyError):
            await self._records.insert_one(record_document(record, datetime.now(UTC)))

    async def records(self, schedule_id: str, *, limit: int) -> list[RunRecord]:
        """What became of a schedule's moments, the latest first."""
        found = self._records.find({"schedule": {"$eq": schedule_id}})
        with translated("reading a schedule's history"):
            documents = await found.sort("instant", DESCENDING).limit(limit).to_list(limit)
        return [record_of(document) for document in documents]
