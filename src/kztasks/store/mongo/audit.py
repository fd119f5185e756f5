"""Who did what, in the collection `audit`."""

from __future__ import annotations

import secrets
from typing import TypedDict

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import DESCENDING

from kztasks.store.access_records import AuditEntry
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.together import Inserts, Lane


class AuditDocument(TypedDict):
    """`at` orders entries; those of the same second have no order."""

    _id: str
    at: int
    event: str
    outcome: str
    account: str
    auth_account: str
    task: str | None
    request: str | None
    client: str | None


class MongoAudit:
    """`AuditStore`."""

    def __init__(
        self, audit: AsyncIOMotorCollection[AuditDocument], lane: Lane | None = None
    ) -> None:
        self._audit = audit
        self._entries = Inserts(audit, lane)

    async def add(self, entry: AuditEntry) -> None:
        """Write an entry."""
        document: AuditDocument = {
            "_id": secrets.token_hex(16),
            "at": entry.at,
            "event": entry.event,
            "outcome": entry.outcome,
            "account": entry.account_id,
            "auth_account": entry.auth_account_id,
            "task": entry.task_id,
            "request": entry.request_id,
            "client": entry.client,
        }
        with translated("writing the audit log"):
            await self._entries.insert(document)

    async def of_account(self, account_id: str, *, limit: int) -> list[AuditEntry]:
        """What was done to the tasks of an account, newest first."""
        found = self._audit.find({"account": {"$eq": account_id}}).sort("at", DESCENDING)
        with translated("reading the audit log"):
            documents = await found.limit(limit).to_list(limit)
        return [
            AuditEntry(
                at=document["at"],
                event=document["event"],
                outcome=document["outcome"],
                account_id=document["account"],
                auth_account_id=document["auth_account"],
                task_id=document["task"],
                request_id=document["request"],
                client=document["client"],
            )
            for document in documents
        ]
