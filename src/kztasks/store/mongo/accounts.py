"""Accounts in `accounts`; the hashes of what acts for them in `tokens` and `api_keys`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import TypedDict

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from kztasks.errors import Conflict
from kztasks.store.interface import Account
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.together import Lane, Reads


class AccountDocument(TypedDict):
    """`created` is in Unix milliseconds and orders lists."""

    _id: str
    name: str
    tree: list[str]
    enabled: bool
    superduper_admin: bool
    created: int


class SecretDocument(TypedDict):
    """`_id` is the secret's SHA-256 in hexadecimal; 256 random bits need no salt."""

    _id: str
    account: str


Secrets = AsyncIOMotorCollection[SecretDocument]


class MongoAccounts:
    """`AccountStore`."""

    def __init__(
        self,
        accounts: AsyncIOMotorCollection[AccountDocument],
        tokens: Secrets,
        api_keys: Secrets,
        lane: Lane | None = None,
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._api_keys = api_keys
        self._read_account = Reads(accounts, lane).read
        self._read_token = Reads(tokens, lane).read
        self._read_api_key = Reads(api_keys, lane).read

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
            document = await self._read_account(account_id)
        return _account(document) if document is not None else None

    async def all(self) -> list[Account]:
        """Every account, oldest first."""
        found = self._accounts.find({}).sort([("created", 1), ("_id", 1)])
        with translated("listing accounts"):
            return [_account(document) for document in await found.to_list(None)]

    async def set_enabled(self, account_id: str, *, enabled: bool) -> bool:
        """Let an account act, or not."""
        with translated("changing an account"):
            result = await self._accounts.update_one(
                {"_id": {"$eq": account_id}}, {"$set": {"enabled": enabled}}
            )
        return result.matched_count == 1

    async def add_token(self, token: str, account_id: str) -> None:
        """Let the bearer of `token` act for the account."""
        await _add(self._tokens, token, account_id)

    async def by_token(self, token: str) -> Account | None:
        """The account that a token acts for."""
        return await self._holder(self._read_token, token)

    async def remove_token(self, token: str) -> None:
        """The token acts for nobody any more."""
        with translated("removing a token"):
            await self._tokens.delete_many({"_id": {"$eq": hashed(token)}})

    async def add_api_key(self, key: str, account_id: str) -> None:
        """Let an API key be exchanged for tokens of the account."""
        await _add(self._api_keys, key, account_id)

    async def by_api_key(self, key: str) -> Account | None:
        """The account whose API key this is."""
        return await self._holder(self._read_api_key, key)

    async def remove_secrets(self, account_id: str) -> None:
        """Forget every API key and every token of an account."""
        with translated("removing an account's keys"):
            for secrets in (self._api_keys, self._tokens):
                await secrets.delete_many({"account": {"$eq": account_id}})

    async def _holder(
        self, read: Callable[[str], Awaitable[SecretDocument | None]], secret: str
    ) -> Account | None:
        with translated("reading a token"):
            found = await read(hashed(secret))
        return await self.get(found["account"]) if found is not None else None


async def _add(secrets: Secrets, secret: str, account_id: str) -> None:
    document: SecretDocument = {"_id": hashed(secret), "account": account_id}
    with translated("storing a token"):
        try:
            await secrets.insert_one(document)
        except DuplicateKeyError:
            there = await secrets.find_one({"_id": {"$eq": document["_id"]}})
            if there is not None and there["account"] != account_id:
                raise Conflict("the token belongs to another account") from None


def hashed(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _account(document: AccountDocument) -> Account:
    return Account(
        account_id=document["_id"],
        name=document["name"],
        tree=tuple(document["tree"]),
        enabled=bool(document["enabled"]),  # the embedded server makes 0 of a changed `false`
        superduper_admin=document["superduper_admin"],
    )
