"""The table of numbers in MongoDB; the only module that knows the driver.

One document per number, changed by compare-and-set on its revision, so that two rows that meet on a
number never overwrite each other. It needs neither transactions nor a replica set.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import structlog
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ASCENDING
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    DuplicateKeyError,
    InvalidName,
    PyMongoError,
)

from apps.number_management.documents import Document, Stored, from_document, to_document
from apps.number_management.errors import Misconfigured, TableUnavailable
from apps.number_management.number import Number

_log = structlog.get_logger(__name__)

PATIENCE_S: Final = 30.0
"""How long a database that is away is waited for, before the row counts as crashed."""
FIRST_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 2.0

_OPTIONS: Final[Mapping[str, Any]] = {
    "w": "majority",
    "journal": True,
    "serverSelectionTimeoutMS": 2_000,
    "connectTimeoutMS": 2_000,
    "socketTimeoutMS": 10_000,
    "appname": "number_management",
}

T = TypeVar("T")


class NumberTable:
    """The table. Belongs to the event loop that it was made on.

    Args:
        url: address of the MongoDB.
        database: its database.
        patience_s: seconds to wait for a database that is away.

    Raises:
        Misconfigured: the address or the name makes no sense.
    """

    def __init__(self, url: str, database: str, *, patience_s: float = PATIENCE_S) -> None:
        try:
            self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(url, **_OPTIONS)
            self._numbers = self._client[database].get_collection("numbers")
        except (ConfigurationError, InvalidName, ValueError) as error:
            raise Misconfigured("the address of the table of numbers makes no sense") from error
        self._patience_s = patience_s

    async def prepare(self) -> None:
        """Wait until the database answers, and create the index that lists of an account need.

        Raises:
            TableUnavailable: the database refuses.
        """
        keys = [("account_id", ASCENDING), ("e164", ASCENDING)]
        await self._patiently("preparing", lambda: self._numbers.create_index(keys), math.inf)

    async def find(self, e164: str) -> Stored | None:
        """A number, or `None` if the table has no such one.

        Raises:
            TableUnavailable: the database does not answer.
        """
        document: Document | None = await self._patiently(
            "finding a number", lambda: self._numbers.find_one({"_id": {"$eq": e164}})
        )
        return from_document(document) if document is not None else None

    async def save(self, before: Stored | None, number: Number, key: str) -> bool:
        """Write a change, if the table still has what it was made from.

        Args:
            before: what was found.
            number: the number as it is to be.
            key: of the row that makes the change.

        Returns:
            False when the number was changed meanwhile: by another row, or by this very change if
            the answer to a first attempt was lost. Either way, find it again and see.

        Raises:
            TableUnavailable: the database does not answer.
        """
        document = to_document(before, number, key)
        if before is None:
            return await self._patiently("adding a number", lambda: self._insert(document))
        guard = {"_id": {"$eq": number.e164}, "rev": {"$eq": before.revision}}
        change = {"$set": {name: value for name, value in document.items() if name != "_id"}}
        result = await self._patiently(
            "changing a number", lambda: self._numbers.update_one(guard, change)
        )
        return bool(result.matched_count)

    async def page(self, after: str, *, limit: int, account_id: str | None = None) -> list[Number]:
        """Numbers in their order.

        Args:
            after: the last number of the page before; empty for the first page.
            limit: most numbers in a page.
            account_id: only this account's; `None`: everybody's.

        Raises:
            TableUnavailable: the database does not answer.
        """
        place = "_id" if account_id is None else "e164"
        wanted: dict[str, dict[str, str]] = {place: {"$gt": after}}
        if account_id is not None:
            wanted["account_id"] = {"$eq": account_id}

        async def read() -> list[Document]:
            found = self._numbers.find(wanted, {"outcomes": 0}).sort(place, ASCENDING)
            return await found.limit(limit).to_list(limit)

        return [from_document(one).number for one in await self._patiently("listing", read)]

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    async def _insert(self, document: Document) -> bool:
        try:
            await self._numbers.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def _patiently(
        self, doing: str, operation: Callable[[], Awaitable[T]], patience_s: float | None = None
    ) -> T:
        """Do it until the database answers. Every operation here may be done twice."""
        patience_s = self._patience_s if patience_s is None else patience_s
        deadline, backoff = time.monotonic() + patience_s, FIRST_BACKOFF_S
        while True:
            try:
                return await operation()
            except AutoReconnect as error:
                if time.monotonic() + backoff > deadline:
                    raise TableUnavailable(f"no answer from the table ({doing})") from error
                _log.warning("table_not_answering", doing=doing, why=str(error))
            except PyMongoError as error:
                raise TableUnavailable(f"the table refused ({doing})") from error
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_S)
