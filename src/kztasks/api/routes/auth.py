"""Get a token for an API key, look at a token, give it up; and the keys that prove tokens."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, Depends, Request
from jwt.algorithms import OKPAlgorithm
from starlette.responses import Response

from kztasks.api.auth import Caller, charge_open_route
from kztasks.api.context import context_of
from kztasks.api.envelope import KazooResponse
from kztasks.api.identity.jwt import TrustedKey
from kztasks.api.identity.restrictions import restrictions_of
from kztasks.api.models import AuthEnvelope, KeyEnvelope, KeySet, TokenEnvelope
from kztasks.api.refusals import AccountLocked, BadField, UnknownKey
from kztasks.api.routes import examples
from kztasks.api.routes.answers import answers
from kztasks.api.services import services_of
from kztasks.api.values import values_of
from kztasks.store.interface import Account

router = APIRouter(tags=["authentication"])
jwks_router = APIRouter(tags=["authentication"], dependencies=[Depends(charge_open_route)])

KEY_CHARS: Final = 64
_API_KEY: Final = re.compile(r"[0-9A-Za-z]{64}")
_TOKEN: Final = "eyJhbGciOiJFZERTQSIsImtpZCI6IjAxIn0.e30.c2ln"  # noqa: S105  (an example)
_RESTRICTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What the token is to be good for: paths after `/v2/`, by method.",
    "propertyNames": {"enum": ["*", "delete", "get", "patch", "post", "put"]},
    "additionalProperties": {
        "type": "array",
        "maxItems": 10,
        "items": {"type": "string", "pattern": "^[A-Za-z0-9._*#/{}-]{1,100}$"},
    },
    "maxProperties": 2,
}
_LOGIN_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "data": {
                            "type": "object",
                            "required": ["api_key"],
                            "properties": {
                                "api_key": {"type": "string", "pattern": "^[0-9A-Za-z]{64}$"},
                                "restrictions": _RESTRICTIONS,
                            },
                        }
                    },
                },
                "example": {"data": {"api_key": examples.API_KEY}},
            }
        },
    }
}
_SHOWN_TOKEN: Final = {"account_id": examples.ACCOUNT_ID, "method": "cb_api_auth"}


@router.put(
    "/api_auth",
    operation_id="create_token",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    responses=answers(
        AuthEnvelope,
        examples.success(
            {
                "account_id": examples.ACCOUNT_ID,
                "account_name": "A",
                "reseller_id": examples.ACCOUNT_ID,
            },
            auth_token=_TOKEN,
        ),
        *(400, 404, 408, 413, 423, 429, 503),
        status=HTTPStatus.CREATED,
        description="A token that acts for the account of the API key",
    ),
    openapi_extra=_LOGIN_BODY,
)
async def create_token(request: Request) -> KazooResponse:
    """Exchange an API key for a token that expires. The token is `auth_token` of the answer.

    `restrictions` make one that is good for some requests alone: `{"get": ["#"]}` only reads.
    """
    services, context = services_of(request), context_of(request)
    values = await values_of(request)
    key = values.data.get("api_key")
    if not isinstance(key, str) or _API_KEY.fullmatch(key) is None:
        raise BadField("api_key", "pattern", f"An API key has {KEY_CHARS} letters and digits")
    restrictions = restrictions_of(values.data.get("restrictions"))
    context.tokens = services.by_address.take(context.client, services.deps.settings.rates.login)
    account = await services.tokens.exchange(key)
    if not account.enabled:
        raise AccountLocked(account.account_id)
    context.token = await services.tokens.issue(account, restrictions)
    context.identity = await services.tokens.identity(context.token)
    return services.envelopes.success(
        context,
        _login_data(account),
        status=HTTPStatus.OK if context.tunnelled else HTTPStatus.CREATED,
    )


@router.get(
    "/token_auth",
    operation_id="get_token",
    response_model=None,
    responses=answers(TokenEnvelope, examples.success(_SHOWN_TOKEN), 401, 423, 429, 503),
)
async def get_token(request: Request, caller: Caller) -> KazooResponse:
    """What the token stands for."""
    context = context_of(request)
    return services_of(request).envelopes.success(context, _token_data(request, caller))


@router.delete(
    "/token_auth",
    operation_id="delete_token",
    response_model=None,
    responses=answers(TokenEnvelope, examples.success(_SHOWN_TOKEN), 401, 423, 429, 503),
)
async def delete_token(request: Request, caller: Caller) -> KazooResponse:
    """Give the token up: nobody can use it any more."""
    services, context = services_of(request), context_of(request)
    data = _token_data(request, caller)
    if context.token is not None and context.identity is not None:
        await services.tokens.revoke(context.token, context.identity)
    return services.envelopes.success(context, data)


@router.get(
    "/auth/keys/{key_id}",
    operation_id="get_signing_key",
    dependencies=[Depends(charge_open_route)],
    response_model=None,
    responses=answers(
        KeyEnvelope,
        examples.success({"id": "01", "alg": "EdDSA", "public_key": "-----BEGIN PUBLIC KEY-----…"}),
        *(404, 429, 503),
    ),
)
async def get_key(request: Request, key_id: str) -> Response:
    """A public key that tokens can be proved with; as PEM with `Accept: application/x-pem-file`."""
    services = services_of(request)
    key = (await services.keyring.published()).get(key_id)
    if key is None:
        raise UnknownKey(key_id)
    pem = _pem(key)
    if "application/x-pem-file" in request.headers.get("accept", ""):
        return Response(pem, headers={"Content-Type": "application/x-pem-file"})
    data = {"id": key.kid, "alg": key.algorithms[0], "public_key": pem}
    return services.envelopes.success(context_of(request), data)


@jwks_router.get(
    "/.well-known/jwks.json",
    operation_id="list_signing_keys",
    response_model=None,
    responses=answers(KeySet, {"keys": []}, 429, 503),
)
async def list_keys(request: Request) -> KazooResponse:
    """All public keys that tokens can be proved with (RFC 7517)."""
    keys = await services_of(request).keyring.published()
    shown = [
        {**OKPAlgorithm.to_jwk(key.public, as_dict=True), "kid": kid, "use": "sig"}
        for kid, key in keys.items()
        if isinstance(key.public, Ed25519PublicKey)
    ]
    return KazooResponse({"keys": shown})


def _login_data(account: Account) -> dict[str, object]:
    """What Kazoo tells at a login, as far as it means anything here."""
    return {
        "account_id": account.account_id,
        "account_name": account.name,
        "apps": [],
        "capabilities": {},
        "is_master_account": account.superduper_admin,
        "is_reseller": False,
        "language": "en-us",
        "reseller_id": account.tree[0] if account.tree else account.account_id,
        "ui_config": {},
    }


def _token_data(request: Request, caller: Account) -> dict[str, object]:
    identity = context_of(request).identity
    data: dict[str, object] = {"account_id": caller.account_id, "account_name": caller.name}
    if identity is not None:
        data["method"] = identity.method
        if identity.expires is not None:
            data["exp"] = identity.expires
    return data


def _pem(key: TrustedKey) -> str:
    return key.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
