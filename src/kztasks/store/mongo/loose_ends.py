"""Notes on what may be left behind, in the collection `loose_ends`.

Neither a half-written file nor the chunks of one can be found by looking at GridFS: the chunks are
too many, and the embedded server does not list them. So whoever stores a file, or removes a task,
says so first, and the janitor looks up what became of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NotRequired, TypedDict

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import UpdateOne

from kztasks.domain.retention import Belongings
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.together import Lane, Writes
from kztasks.store.retention import LooseEnd


class BelongingsDocument(TypedDict):
    """`Belongings`."""

    id: str
    files: list[str]
    log: int


class LooseEndDocument(TypedDict):
    """`at` is set by the database (`$currentDate`), and so by its clock.

    `beat` stands for it in guards, as the embedded server does not compare dates for equality.
    """

    _id: str
    at: datetime
    beat: int
    tasks: list[BelongingsDocument]
    doomed: NotRequired[int]


_Filter = dict[str, dict[str, str]]
_Change = dict[str, dict[str, object]]


class MongoLooseEnds:
    """Writes loose ends and takes them away; the janitor's half is a part of `RetentionStore`."""

    def __init__(
        self, ends: AsyncIOMotorCollection[LooseEndDocument], lane: Lane | None = None
    ) -> None:
        self._ends = ends
        self._held: Writes[tuple[_Filter, _Change]] = Writes(self._hold_many, lane)

    async def hold(self, end_id: str, belongings: Sequence[Belongings]) -> None:
        """Write a loose end; written again, it has shown life."""
        tasks: list[BelongingsDocument] = [
            {"id": one.task_id, "files": list(one.file_ids), "log": int(one.log)}
            for one in belongings
        ]
        note: tuple[_Filter, _Change] = (
            {"_id": {"$eq": end_id}},
            {
                "$currentDate": {"at": True},
                "$inc": {"beat": 1},
                "$setOnInsert": {"tasks": tasks},
            },
        )
        with translated("noting what may be left behind"):
            await self._held.write(note, lambda: self._ends.update_one(*note, upsert=True))

    async def _hold_many(self, notes: Sequence[tuple[_Filter, _Change]]) -> None:
        updates = [UpdateOne(*note, upsert=True) for note in notes]
        await self._ends.bulk_write(updates, ordered=False)

    async def keep(self, end_id: str) -> bool:
        """Show life; false when the janitor has decided meanwhile that there is none."""
        with translated("showing that a file is still being written"):
            result = await self._ends.update_one(
                {"_id": {"$eq": end_id}, "doomed": {"$exists": False}},
                {"$currentDate": {"at": True}, "$inc": {"beat": 1}},
            )
        return result.matched_count == 1

    async def older(self, before: datetime, *, limit: int) -> list[LooseEnd]:
        """Those without a sign of life since `before`."""
        found = self._ends.find({"at": {"$lt": before}}).limit(limit)
        with translated("listing loose ends"):
            return [_loose_end(document) for document in await found.to_list(limit)]

    async def doom(self, end: LooseEnd) -> bool:
        """Let its writer get no further, unless it has shown life."""
        with translated("deciding on what was left behind"):
            result = await self._ends.update_one(
                {
                    "_id": {"$eq": end.end_id},
                    "beat": {"$eq": end.beat},
                    "doomed": {"$exists": False},
                },
                {"$set": {"doomed": 1}, "$currentDate": {"at": True}},
            )
        return result.matched_count == 1

    async def postpone(self, end_ids: Collection[str]) -> None:
        """Date them anew."""
        if end_ids:
            with translated("putting off what may be left behind"):
                await self._ends.update_many(
                    {"_id": {"$in": list(end_ids)}}, {"$currentDate": {"at": True}}
                )

    async def drop(self, end_ids: Collection[str]) -> None:
        """Forget them."""
        if end_ids:
            with translated("forgetting loose ends"):
                await self._ends.delete_many({"_id": {"$in": list(end_ids)}})


def _loose_end(document: LooseEndDocument) -> LooseEnd:
    return LooseEnd(
        end_id=document["_id"],
        belongings=tuple(
            Belongings(one["id"], tuple(one["files"]), log=bool(one["log"]))
            for one in document["tasks"]
        ),
        beat=document["beat"],
        is_doomed="doomed" in document,
    )
