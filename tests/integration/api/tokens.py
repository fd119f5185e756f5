"""Tokens of all kinds, good and bad, made without the product's own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from kztasks.store.access_records import SigningKey
from kztasks.store.mongo import MongoStore

KID: Final = "key-of-the-tests"
OURS: Final = Ed25519PrivateKey.generate()
KAZOO: Final = generate_private_key(65537, 2048)
KAZOO_KID: Final = "kazoo-key"
OTHER: Final = Ed25519PrivateKey.generate()
NOW: Final = int(time.time())


def pem_of(key: Ed25519PrivateKey | RSAPrivateKey) -> str:
    """The public key."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


async def store_key(store: MongoStore) -> None:
    """Let `OURS` be a key of the service."""
    private = OURS.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    await store.signing_keys.add(
        SigningKey(kid=KID, private_pem=private.decode(), created=int(time.time()))
    )


def claims(account_id: str, /, **changes: Any) -> dict[str, Any]:
    """What a good token says; `None` leaves a claim out."""
    good = {
        "iss": "kztasks", "aud": "kztasks", "sub": account_id, "account_id": account_id,
        "method": "cb_api_auth", "iat": NOW, "exp": NOW + 7200, "jti": "j",
    }  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(account_id: str, /, **changes: Any) -> str:
    """A token that the service itself could have made, but for the changes."""
    return jwt.encode(claims(account_id, **changes), OURS, "EdDSA", headers={"kid": KID})


def kazoo_token(account_id: str, /, algorithm: str = "RS256", **changes: Any) -> str:
    """A token of a Kazoo cluster."""
    good = {
        "iss": "kazoo", "account_id": account_id, "owner_id": "0" * 32, "as": account_id,
        "method": "cb_user_auth", "exp": NOW + 7200, "identity_sig": "c2ln",
    }  # fmt: skip
    content = {name: value for name, value in (good | changes).items() if value is not None}
    return jwt.encode(content, KAZOO, algorithm, headers={"kid": KAZOO_KID})


def forged(header: dict[str, Any], content: dict[str, Any], secret: bytes = b"") -> str:
    """A token put together by hand; signed with HMAC if there is a secret."""
    body = f"{_segment(header)}.{_segment(content)}"
    if not secret:
        return f"{body}."
    signature = hmac.new(secret, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def unsigned(account_id: str) -> str:
    """The oldest trick: a token that says that it needs no signature."""
    return forged({"alg": "none", "kid": KID, "typ": "JWT"}, claims(account_id))


def confused(account_id: str) -> str:
    """A token signed with the public key as if that were a shared secret."""
    return forged({"alg": "HS256", "kid": KID}, claims(account_id), pem_of(OURS).encode())


def of_another_key(account_id: str) -> str:
    """A token that somebody else has signed in the name of our key."""
    return jwt.encode(claims(account_id), OTHER, "EdDSA", headers={"kid": KID})


def expired(account_id: str) -> str:
    """A token that was good an hour ago."""
    return token(account_id, iat=NOW - 7200, exp=NOW - 3600)


def _segment(value: dict[str, Any]) -> str:
    text = json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
