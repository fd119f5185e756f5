"""The databases in MongoDB; the only module that knows the driver.

Everything here may be done twice: a function that is called again after a fault finds less to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConfigurationError, DuplicateKeyError, InvalidName

from apps.housekeeping.balances import Account, Warned
from apps.housekeeping.errors import Misconfigured

PAGE: Final = 500
"""Accounts that are read at once."""
_OPTIONS: Final[Mapping[str, Any]] = {
    "w": "majority",
    "serverSelectionTimeoutMS": 10_000,
    "connectTimeoutMS": 2_000,
    "socketTimeoutMS": 60_000,
    "appname": "housekeeping",
}

Document = dict[str, Any]


class Databases:
    """All databases of a server. Belongs to the event loop that it was made on.

    Args:
        url: address of the MongoDB.
        accounts_database: the one that has the accounts, and the warnings.

    Raises:
        Misconfigured: the address or the name makes no sense.
    """

    def __init__(self, url: str, accounts_database: str) -> None:
        try:
            self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(url, **_OPTIONS)
            accounts = self._client[accounts_database]
            self._accounts = accounts.get_collection("accounts")
            self._warnings = accounts.get_collection("low_balance_warnings")
        except (ConfigurationError, InvalidName, ValueError) as error:
            raise Misconfigured("the address or the name of a database makes no sense") from error

    async def collections(self, database: str) -> list[str]:
        """Names of a database's own collections: neither views nor the server's."""
        found = await self._client[database].list_collections()
        names = [
            one["name"] async for one in found if one.get("type", "collection") == "collection"
        ]
        return sorted(name for name in names if not name.startswith("system."))

    async def remove_deleted(self, database: str, collection: str, *, limit: int) -> int:
        """Remove documents that are marked as deleted; how many were found.

        Args:
            database: its name.
            collection: its name.
            limit: how many at most.
        """
        documents = self._client[database].get_collection(collection)
        deleted = {"pvt_deleted": {"$eq": True}}
        found = await documents.find(deleted, {"_id": 1}).limit(limit).to_list(limit)
        if found:
            ids = [document["_id"] for document in found]
            # Somebody may have changed their mind since.
            await documents.delete_many({"_id": {"$in": ids}, **deleted})
        return len(found)

    async def accounts(self) -> AsyncIterator[Account]:
        """All accounts in the order of their ids."""
        after = ""
        while True:
            found = self._accounts.find({"_id": {"$gt": after}}).sort("_id", 1).limit(PAGE)
            documents = await found.to_list(PAGE)
            for document in documents:
                yield Account.of(document)
            if len(documents) < PAGE:
                return
            after = documents[-1]["_id"]

    async def warned(self, account_id: str) -> Warned | None:
        """The warning that an account has."""
        document = await self._warnings.find_one({"_id": {"$eq": account_id}})
        return Warned.of(document) if document is not None else None

    async def warn(self, before: Warned | None, warned: Warned) -> bool:
        """Write a warning, if the account still has the one that this follows; whether it had."""
        fields = warned.fields()
        if before is None:
            try:
                await self._warnings.insert_one({"_id": warned.account_id, **fields})
            except DuplicateKeyError:
                return False
            return True
        result = await self._warnings.update_one(
            {"_id": {"$eq": warned.account_id}, "at": {"$eq": before.at}}, {"$set": fields}
        )
        return result.matched_count == 1

    async def forget_warning(self, account_id: str) -> None:
        """Remove the warning of an account, if it has one."""
        await self._warnings.delete_one({"_id": {"$eq": account_id}})

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
