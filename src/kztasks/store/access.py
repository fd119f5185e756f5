"""What the HTTP front needs of the database beside tasks: accounts, keys, audit, idempotency."""

from __future__ import annotations

from typing import Protocol

from kztasks.store.access_records import Account, Attempt, AuditEntry, SigningKey, StoredAnswer


class AccountStore(Protocol):
    """Accounts, and the secrets that act for them (which are stored hashed)."""

    async def add(self, account: Account) -> None:
        """Store an account; repeating it changes nothing."""
        ...

    async def get(self, account_id: str) -> Account | None:
        """The account, if it exists."""
        ...

    async def all(self) -> list[Account]:
        """Every account, oldest first."""
        ...

    async def set_enabled(self, account_id: str, *, enabled: bool) -> bool:
        """Let an account act, or not; whether there is such an account."""
        ...

    async def add_token(self, token: str, account_id: str) -> None:
        """Let the bearer of `token` act for the account; repeating it changes nothing.

        Raises:
            Conflict: the token acts for another account.
        """
        ...

    async def by_token(self, token: str) -> Account | None:
        """The account that a token acts for."""
        ...

    async def remove_token(self, token: str) -> None:
        """The token acts for nobody any more; removing what is not there is no error."""
        ...

    async def add_api_key(self, key: str, account_id: str) -> None:
        """Let an API key be exchanged for tokens of the account; repeating it changes nothing.

        Raises:
            Conflict: the key is another account's.
        """
        ...

    async def by_api_key(self, key: str) -> Account | None:
        """The account whose API key this is."""
        ...

    async def remove_secrets(self, account_id: str) -> None:
        """Forget every API key and every token of an account."""
        ...


class SigningKeyStore(Protocol):
    """The keys that tokens are signed with, and the tokens that were revoked."""

    async def add(self, key: SigningKey) -> None:
        """Store a key; repeating it changes nothing."""
        ...

    async def all(self) -> list[SigningKey]:
        """Every key, oldest first."""
        ...

    async def remove(self, kid: str) -> None:
        """Forget a key: tokens that it signed are worth nothing."""
        ...

    async def revoke(self, token_digest: str, *, until: int) -> None:
        """Refuse a token from now on; `until` is its expiry in Unix seconds."""
        ...

    async def is_revoked(self, token_digest: str) -> bool:
        """Whether a token was revoked."""
        ...


class AuditStore(Protocol):
    """Who did what. Entries are only ever added."""

    async def add(self, entry: AuditEntry) -> None:
        """Write an entry."""
        ...

    async def of_account(self, account_id: str, *, limit: int) -> list[AuditEntry]:
        """What was done to the tasks of an account, newest first."""
        ...


class IdempotencyStore(Protocol):
    """Requests that must not be carried out twice, for 24 hours."""

    async def begin(self, attempt: Attempt) -> Attempt:
        """Take the key, or learn who has it.

        Returns:
            The attempt itself, or the one that was there first.
        """
        ...

    async def beat(self, key: str, holder: str) -> None:
        """Say that the holder still works; one that is silent for ten minutes loses the key."""
        ...

    async def finish(self, key: str, holder: str, answer: StoredAnswer) -> None:
        """Keep the answer for those who ask again; repeating it changes nothing."""
        ...

    async def abandon(self, key: str, holder: str) -> None:
        """Give the key back, as nothing was done."""
        ...
