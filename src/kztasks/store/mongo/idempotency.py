"""Requests that must not be carried out twice, in the collection `idempotency`.

The database itself forgets: a finished request after a day, one whose front died after ten minutes
without a beat. The times that count are the database's own (`$currentDate`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NotRequired, TypedDict

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from kztasks.errors import StoreUnavailable
from kztasks.store.access_records import Attempt, StoredAnswer
from kztasks.store.mongo.errors import translated

KEPT_S: Final = 24 * 3600
SILENCE_S: Final = 600


class AnswerDocument(TypedDict):
    """`StoredAnswer`."""

    fingerprint: str
    status: int
    data: str


class AttemptDocument(TypedDict):
    """`beat` is there while the request runs, `finished` from then on; each has its TTL index."""

    _id: str
    holder: str
    task: str
    beat: NotRequired[datetime]
    finished: NotRequired[datetime]
    answer: NotRequired[AnswerDocument]


class MongoIdempotency:
    """`IdempotencyStore`."""

    def __init__(self, attempts: AsyncIOMotorCollection[AttemptDocument]) -> None:
        self._attempts = attempts

    async def begin(self, attempt: Attempt) -> Attempt:
        """Take the key, or learn who has it."""
        document: AttemptDocument = {
            "_id": attempt.key,
            "holder": attempt.holder,
            "task": attempt.task_id,
            "beat": datetime.now(UTC),
        }
        with translated("taking an idempotency key"):
            try:
                await self._attempts.insert_one(document)
            except DuplicateKeyError:
                there = await self._attempts.find_one({"_id": {"$eq": attempt.key}})
            else:
                there = document
        if there is None:  # given back between the two calls
            raise StoreUnavailable("an idempotency key is changing hands")
        if there["holder"] == attempt.holder:
            await self.beat(attempt.key, attempt.holder)
        return _attempt(there)

    async def beat(self, key: str, holder: str) -> None:
        """Say that the holder still works."""
        with translated("keeping an idempotency key"):
            await self._attempts.update_one(
                {"_id": {"$eq": key}, "holder": {"$eq": holder}, "answer": {"$exists": False}},
                {"$currentDate": {"beat": True}},
            )

    async def finish(self, key: str, holder: str, answer: StoredAnswer) -> None:
        """Keep the answer for those who ask again."""
        stored: AnswerDocument = {
            "fingerprint": answer.fingerprint,
            "status": answer.status,
            "data": answer.data,
        }
        with translated("finishing an idempotent request"):
            await self._attempts.update_one(
                {"_id": {"$eq": key}, "holder": {"$eq": holder}},
                {
                    "$set": {"answer": stored},
                    "$currentDate": {"finished": True},
                    "$unset": {"beat": ""},
                },
            )

    async def abandon(self, key: str, holder: str) -> None:
        """Give the key back."""
        with translated("giving an idempotency key back"):
            await self._attempts.delete_many({"_id": {"$eq": key}, "holder": {"$eq": holder}})


def _attempt(document: AttemptDocument) -> Attempt:
    answer = document.get("answer")
    return Attempt(
        key=document["_id"],
        holder=document["holder"],
        task_id=document["task"],
        answer=StoredAnswer(**answer) if answer else None,
    )
