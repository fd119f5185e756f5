"""Accounts in the collection `accounts`, their tokens' hashes in `tokens`."""

from __future__ import annotations

import hashlib
import time
from typing import TypedDict

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from kztasks.errors import Conflict
from kztasks.store.interface import Account
from kztasks.store.mongo.errors import translated


class AccountDocument(TypedDict):
    """`created` is in Unix milliseconds and orders lists."""

    _id: str
    name: str
    tree: list[str]
    enabled: bool
    superduper_admin: bool
    created: int


class TokenDocument(TypedDict):
    """`_id` is the token's SHA-256 in hexadecimal; a token of 256 random bits needs no salt."""

    _id: str
    account: str


class MongoAccounts:
    """`AccountStore`."""

    def __init__(
        self,
        accounts: AsyncIOMotorCollection[AccountDocument],
        tokens: AsyncIOMotorCollection[TokenDocument],
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens

    async def add(self, account: Account) -> None:
        """Store an account."""
        document: AccountDocument = {
            "_id": account.account_id,
            "name": account.name,
            "tree": list(account.tree),
            "enabled": account.enabled,
            "superduper_admin": account.superduper_admin,
            "created": time.time_ns() // 1_000_000,
        }
        with translated("storing an account"):
            try:
                await self._accounts.insert_one(document)
            except DuplicateKeyError:
                return

    async def get(self, account_id: str) -> Account | None:
        """The account, if it exists."""
        with translated("reading an account"):
            document = await self._accounts.find_one({"_id": {"$eq": account_id}})
        return _account(document) if document is not None else None

    async def all(self) -> list[Account]:
        """Every account, oldest first."""
        found = self._accounts.find({}).sort([("created", 1), ("_id", 1)])
        with translated("listing accounts"):
            return [_account(document) for document in await found.to_list(None)]

    async def add_token(self, token: str, account_id: str) -> None:
        """Let the bearer of `token` act for the account."""
        document: TokenDocument = {"_id": _hashed(token), "account": account_id}
        with translated("storing a token"):
            try:
                await self._tokens.insert_one(document)
            except DuplicateKeyError:
                there = await self._tokens.find_one({"_id": {"$eq": document["_id"]}})
                if there is not None and there["account"] != account_id:
                    raise Conflict("the token belongs to another account") from None

    async def by_token(self, token: str) -> Account | None:
        """The account that a token acts for."""
        with translated("reading a token"):
            found = await self._tokens.find_one({"_id": {"$eq": _hashed(token)}})
        return await self.get(found["account"]) if found is not None else None


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _account(document: AccountDocument) -> Account:
    return Account(
        account_id=document["_id"],
        name=document["name"],
        tree=tuple(document["tree"]),
        enabled=document["enabled"],
        superduper_admin=document["superduper_admin"],
    )
