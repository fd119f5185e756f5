"""Keys that tokens are signed with in `signing_keys`; revoked tokens in `revoked_tokens`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from kztasks.store.access_records import SigningKey
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.together import Lane, Reads


class SigningKeyDocument(TypedDict):
    """`created` is in Unix seconds."""

    _id: str
    private_pem: str
    created: int


class RevokedDocument(TypedDict):
    """`_id` is the token's SHA-256; the database removes it when the token has expired anyway."""

    _id: str
    until: datetime


class MongoSigningKeys:
    """`SigningKeyStore`."""

    def __init__(
        self,
        keys: AsyncIOMotorCollection[SigningKeyDocument],
        revoked: AsyncIOMotorCollection[RevokedDocument],
        lane: Lane | None = None,
    ) -> None:
        self._keys = keys
        self._revoked = revoked
        self._read_revoked = Reads(revoked, lane).read

    async def add(self, key: SigningKey) -> None:
        """Store a key."""
        document: SigningKeyDocument = {
            "_id": key.kid,
            "private_pem": key.private_pem,
            "created": key.created,
        }
        with translated("storing a signing key"):
            try:
                await self._keys.insert_one(document)
            except DuplicateKeyError:
                return

    async def all(self) -> list[SigningKey]:
        """Every key, oldest first."""
        found = self._keys.find({}).sort([("created", 1), ("_id", 1)])
        with translated("reading signing keys"):
            documents = await found.to_list(None)
        return [
            SigningKey(
                kid=document["_id"],
                private_pem=document["private_pem"],
                created=document["created"],
            )
            for document in documents
        ]

    async def remove(self, kid: str) -> None:
        """Forget a key."""
        with translated("removing a signing key"):
            await self._keys.delete_many({"_id": {"$eq": kid}})

    async def revoke(self, token_digest: str, *, until: int) -> None:
        """Refuse a token from now on."""
        document: RevokedDocument = {
            "_id": token_digest,
            "until": datetime.fromtimestamp(until, UTC),
        }
        with translated("revoking a token"):
            try:
                await self._revoked.insert_one(document)
            except DuplicateKeyError:
                return

    async def is_revoked(self, token_digest: str) -> bool:
        """Whether a token was revoked."""
        with translated("reading revoked tokens"):
            return await self._read_revoked(token_digest) is not None
