"""The keys that tokens are signed and proved with: ours from the store, Kazoo's from a setting.

Fronts share their signing keys through the store. A key signs until it is `key_days` old; then the
next front that has something to sign makes another, and the old one proves tokens for some days
more. A key that is removed from the store stops proving within `REFRESH_S` on every front.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from kztasks.api.config import TokenSettings
from kztasks.api.identity.jwt import (
    ISSUER,
    KAZOO_ALGORITHMS,
    KAZOO_ISSUER,
    MAX_LIFETIME_S,
    OUR_ALGORITHM,
    TrustedKey,
)
from kztasks.errors import Misconfigured
from kztasks.store.access_records import SigningKey
from kztasks.store.interface import SigningKeyStore

_log = structlog.get_logger(__name__)

REFRESH_S: Final = 30.0
UNKNOWN_REFRESH_S: Final = 2.0
"""How often, at most, the store is asked because of a `kid` that nobody knows."""

_DAY_S: Final = 24 * 3600
_MIN_RSA_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now."""

    kid: str
    private: Ed25519PrivateKey
    created: int


class KeyRing:
    """All keys that this front knows.

    Args:
        store: where our keys are.
        settings: how long a key signs, and Kazoo's public keys.
        clock: Unix seconds.

    Raises:
        Misconfigured: a configured key is no RSA public key of at least 2048 bits in PEM.
    """

    def __init__(
        self, store: SigningKeyStore, settings: TokenSettings, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._kazoo = {kid: _kazoo_key(kid, pem) for kid, pem in settings.kazoo_keys.items()}
        self._ours: dict[str, TrustedKey] = {}
        self._signer: Signer | None = None
        self._read_at: float | None = None
        self._lock = asyncio.Lock()

    async def trusted(self, kid: str) -> TrustedKey | None:
        """The key of this name, if it is one of those that prove a token."""
        if kid in self._kazoo:
            return self._kazoo[kid]
        await self._refresh(REFRESH_S if kid in self._ours else UNKNOWN_REFRESH_S)
        return self._ours.get(kid)

    async def published(self) -> Mapping[str, TrustedKey]:
        """Our keys, by `kid`."""
        await self._refresh(REFRESH_S)
        return dict(self._ours)

    async def signer(self) -> Signer:
        """The key to sign with; makes one when there is none, or when it is old."""
        await self._refresh(REFRESH_S)
        if self._signer is None or self._is_old(self._signer):
            await self._make()
        if self._signer is None:
            raise Misconfigured("the signing key that was stored cannot be read")
        return self._signer

    def _is_old(self, signer: Signer) -> bool:
        return self._clock() - signer.created > self._settings.key_days * _DAY_S

    async def _make(self) -> None:
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        kid = secrets.token_hex(16)
        await self._store.add(
            SigningKey(kid=kid, private_pem=pem.decode(), created=int(self._clock()))
        )
        _log.info("signing_key_made", kid=kid)
        await self._forget_old()
        await self._refresh(0)

    async def _forget_old(self) -> None:
        """Remove keys whose last token has expired for certain."""
        proves_for_s = self._settings.key_days * _DAY_S + 2 * MAX_LIFETIME_S
        for key in await self._store.all():
            if self._clock() - key.created > proves_for_s:
                await self._store.remove(key.kid)
                _log.info("signing_key_removed", kid=key.kid)

    async def _refresh(self, age_s: float) -> None:
        async with self._lock:
            if self._read_at is not None and time.monotonic() - self._read_at < age_s:
                return
            signers = [_signer(key) for key in await self._store.all()]
            self._ours = {
                one.kid: TrustedKey(one.kid, one.private.public_key(), ISSUER, (OUR_ALGORITHM,))
                for one in signers
            }
            self._signer = signers[-1] if signers else None
            self._read_at = time.monotonic()


def _signer(key: SigningKey) -> Signer:
    private = serialization.load_pem_private_key(key.private_pem.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise Misconfigured(f"the signing key {key.kid} in the database is not an Ed25519 key")
    return Signer(key.kid, private, key.created)


def _kazoo_key(kid: str, pem: str) -> TrustedKey:
    try:
        public = serialization.load_pem_public_key(pem.encode())
    except ValueError as error:
        raise Misconfigured(f"the Kazoo key {kid} is no public key in PEM") from error
    if not isinstance(public, RSAPublicKey) or public.key_size < _MIN_RSA_BITS:
        raise Misconfigured(f"the Kazoo key {kid} is no RSA key of {_MIN_RSA_BITS} bits or more")
    return TrustedKey(kid, public, KAZOO_ISSUER, KAZOO_ALGORITHMS)
