"""Signed tokens (JWT, RFC 7519), made here or by a Kazoo cluster.

A token names its key by `kid`, which is looked up among keys that are already here. The key alone
says by which algorithms it may be used, never the token.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from kztasks.api.identity.restrictions import Restrictions, restrictions_of
from kztasks.api.refusals import BadField, ExpiredToken, NotAuthenticated

ISSUER: Final = "kztasks"
OUR_ALGORITHM: Final = "EdDSA"
KAZOO_ISSUER: Final = "kazoo"
KAZOO_ALGORITHMS: Final = ("RS256", "RS384", "RS512")
MAX_LIFETIME_S: Final = 24 * 3600
LEEWAY_S: Final = 30

_ACCOUNT_ID: Final = re.compile(r"[0-9a-f]{32}")
_REQUIRED: Final = ("exp", "iss", "account_id")
_OURS: Final = (*_REQUIRED, "iat", "aud", "sub", "jti")


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key, and whose tokens it may prove, with which algorithms."""

    kid: str
    public: Ed25519PublicKey | RSAPublicKey
    issuer: str
    algorithms: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether this service signs with it."""
        return self.issuer == ISSUER


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once it is proved; `expires` is in Unix seconds."""

    account_id: str
    method: str
    expires: int
    restrictions: Restrictions | None = None


def looks_like_jwt(token: str) -> bool:
    """Whether a token is one of these rather than an opaque one, which has no dots."""
    return token.count(".") == 2  # noqa: PLR2004  (header, claims, signature)


def key_id(token: str) -> str:
    """The `kid` of a token, not proved yet.

    Raises:
        NotAuthenticated: it has none, or is no token at all.
    """
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise NotAuthenticated from error
    if not isinstance(kid, str):
        raise NotAuthenticated
    return kid


def sign(claims: dict[str, Any], kid: str, private: Ed25519PrivateKey) -> str:
    """A token of ours."""
    return jwt.encode(claims, private, algorithm=OUR_ALGORITHM, headers={"kid": kid})


def prove(token: str, key: TrustedKey, now: float) -> Claims:
    """What a token says, if the key signed it and it is valid now.

    A token must expire, and that within a day: PyJWT by itself takes one that never does.

    Raises:
        ExpiredToken: it was valid once.
        NotAuthenticated: it is not valid.
    """
    required = _OURS if key.is_ours else _REQUIRED
    try:
        claims = jwt.decode(
            token,
            key.public,
            algorithms=list(key.algorithms),
            issuer=key.issuer,
            audience=ISSUER if key.is_ours else None,
            leeway=LEEWAY_S,
            options={
                "require": list(required),
                "verify_aud": key.is_ours,
                "enforce_minimum_key_length": True,
            },
        )
        expires = _expiry(claims, now)
    except jwt.ExpiredSignatureError as error:
        raise ExpiredToken from error
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NotAuthenticated from error
    account_id = claims["account_id"]
    if not isinstance(account_id, str) or _ACCOUNT_ID.fullmatch(account_id) is None:
        raise NotAuthenticated
    return Claims(account_id, str(claims.get("method", "unknown")), expires, _restrictions(claims))


def _restrictions(claims: dict[str, Any]) -> Restrictions | None:
    """Those that cannot be read must not make the token one without any."""
    try:
        return restrictions_of(claims.get("restrictions"))
    except BadField as error:
        raise NotAuthenticated from error


def _expiry(claims: dict[str, Any], now: float) -> int:
    expires = float(claims["exp"])
    if not math.isfinite(expires) or expires > now + MAX_LIFETIME_S + LEEWAY_S:
        raise ValueError("the token is valid for too long")
    return int(expires)
