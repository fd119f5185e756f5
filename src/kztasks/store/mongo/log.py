"""The commit log in the collection `log`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from operator import itemgetter
from typing import Any, Final

import bson
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from kztasks.domain.log import LogRecord, RecordKind
from kztasks.errors import Invalid, StoreUnavailable
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.log_document import LogDocument, log_document, log_id, log_record
from kztasks.store.mongo.together import SMALL_BYTES, Inserts, Lane
from tasks_bindings.crash_points import reached

MAX_RECORD_BYTES: Final = 15 * 1024 * 1024
"""MongoDB takes 16 MiB; the embedded server would take anything."""

_PAGE_BYTES: Final = 1024 * 1024
_PAGE_RECORDS: Final = 64


class MongoLog:
    """`LogStore`; the unique `_id` decides which of two rivals wrote a seq."""

    def __init__(self, log: AsyncIOMotorCollection[LogDocument], lane: Lane | None = None) -> None:
        self._log = log
        self._small = Inserts(log, lane)

    async def append(self, record: LogRecord) -> LogRecord:
        """Insert the record, or adopt the one that is there."""
        document = log_document(record)
        with translated("appending to the log"):
            size = len(bson.encode(document))
            if size > MAX_RECORD_BYTES:
                raise Invalid(f"log record {document['_id']} is over {MAX_RECORD_BYTES} bytes")
            try:
                reached("commit:inserting")
                if size > SMALL_BYTES:
                    await self._log.insert_one(document)
                else:
                    await self._small.insert(document)
                reached("commit:inserted")
            except DuplicateKeyError:
                there = await self._log.find_one(
                    {"_id": {"$eq": log_id(record.task_id, record.seq)}}
                )
            else:
                return record
        if there is None:
            raise StoreUnavailable("the log record of a rival cannot be found")
        return log_record(there)

    async def head(self, task_id: str) -> LogRecord | None:
        """The last record."""
        newest = self._log.find({"t": {"$eq": task_id}}).sort("seq", DESCENDING).limit(1)
        with translated("reading the log"):
            documents = await newest.to_list(1)
        return log_record(documents[0]) if documents else None

    async def records(self, task_id: str) -> AsyncIterator[LogRecord]:
        """All records in order, read in pages of a MiB or so: the embedded server has no cursors.

        It loads a whole result before it answers. By `_id` it finds a record at once; by `seq` it
        goes through all of the task, so that is left for a log that does not end as it should.
        """
        seq, limit = 0, 1
        while True:
            ids = [log_id(task_id, seq + number) for number in range(limit)]
            documents = await self._found({"_id": {"$in": ids}}, limit)
            seq, is_last = seq + limit, len(documents) < limit
            if is_last and not _is_ended(documents):
                documents += await self._found({"t": {"$eq": task_id}, "seq": {"$gte": seq}}, None)
            for document in documents:
                yield log_record(document)
            if is_last:
                return
            largest = max(len(document["out"]) for document in documents) + 1024
            limit = max(min(2 * limit, _PAGE_BYTES // largest, _PAGE_RECORDS), 1)

    async def _found(self, which: dict[str, Any], limit: int | None) -> list[LogDocument]:
        with translated("reading the log"):
            documents = await self._log.find(which).to_list(limit)
        return sorted(documents, key=itemgetter("seq"))

    async def delete(self, task_id: str) -> None:
        """Remove all records of a task."""
        with translated("removing a log"):
            await self._log.delete_many({"t": {"$eq": task_id}})


def _is_ended(documents: list[LogDocument]) -> bool:
    return bool(documents) and documents[-1]["kind"] == RecordKind.END.value
