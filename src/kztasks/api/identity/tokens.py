"""Turns a token into the account that it acts for, and an API key into a token."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kztasks.api.identity.jwt import ISSUER, Claims, key_id, looks_like_jwt, prove, sign
from kztasks.api.identity.keyring import KeyRing
from kztasks.api.identity.restrictions import Restrictions
from kztasks.api.refusals import NotAuthenticated, UnknownApiKey
from kztasks.store.interface import Account, Store

MAX_TOKEN_CHARS: Final = 8192
OPAQUE_METHOD: Final = "token"
API_METHOD: Final = "cb_api_auth"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token acts for, how it was got, and until when; an opaque one does not expire.

    With restrictions it is good for some requests alone.
    """

    account: Account
    method: str
    expires: int | None = None
    restrictions: Restrictions | None = None

    def may_send(self, method: str, path: str) -> bool:
        """Whether the token is one for such a request."""
        return self.restrictions is None or self.restrictions.allow(method, path)


class Tokens:
    """Gives out tokens and knows them again.

    Args:
        store: accounts, and what was revoked.
        keyring: the keys.
        lifetime_s: seconds until a new token expires.
        clock: Unix seconds.
    """

    def __init__(
        self, store: Store, keyring: KeyRing, lifetime_s: int, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._lifetime_s = lifetime_s
        self._clock = clock

    async def identity(self, token: str) -> Identity:
        """Whom a token acts for, enabled or not.

        Raises:
            ExpiredToken: it was good once.
            NotAuthenticated: it is not good.
        """
        if not token or len(token) > MAX_TOKEN_CHARS:
            raise NotAuthenticated
        if looks_like_jwt(token):
            return await self._signed(token)
        account = await self._store.accounts.by_token(token)
        if account is None:
            raise NotAuthenticated
        return Identity(account, OPAQUE_METHOD)

    async def exchange(self, api_key: str) -> Account:
        """The account of an API key.

        Raises:
            UnknownApiKey: nobody has it.
        """
        account = await self._store.accounts.by_api_key(api_key)
        if account is None:
            raise UnknownApiKey(api_key)
        return account

    async def issue(self, account: Account, restrictions: Restrictions | None = None) -> str:
        """A new token that acts for an account, for all requests or some."""
        signer = await self._keyring.signer()
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": account.account_id,
            "account_id": account.account_id,
            "method": API_METHOD,
            "iat": now,
            "exp": now + self._lifetime_s,
            "jti": secrets.token_hex(16),
        }
        if restrictions is not None:
            claims["restrictions"] = restrictions.as_claim()
        return sign(claims, signer.kid, signer.private)

    async def revoke(self, token: str, identity: Identity) -> None:
        """Refuse a token from now on."""
        if identity.expires is None:
            await self._store.accounts.remove_token(token)
        else:
            await self._store.signing_keys.revoke(_digest(token), until=identity.expires + 60)

    async def _signed(self, token: str) -> Identity:
        claims = await self._proved(token)
        if await self._store.signing_keys.is_revoked(_digest(token)):
            raise NotAuthenticated
        account = await self._store.accounts.get(claims.account_id)
        if account is None:
            raise NotAuthenticated
        return Identity(account, claims.method, claims.expires, claims.restrictions)

    async def _proved(self, token: str) -> Claims:
        key = await self._keyring.trusted(key_id(token))
        if key is None:
            raise NotAuthenticated
        return prove(token, key, self._clock())


def _digest(token: str) -> str:
    """Names a token by what it signs: its signature can be spelt in more than one way."""
    return hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()
