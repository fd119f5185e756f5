"""Finds out who asks, by their token, and grants access to the account that the URL is about."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Path, Request

from kztasks.api.access import Access, may_act_on
from kztasks.api.context import context_of
from kztasks.api.limits.refusals import TooManyRequests
from kztasks.api.refusals import (
    AccountLocked,
    BadField,
    BodyTooLarge,
    Forbidden,
    MalformedAccount,
    NotAuthenticated,
    UnknownAccount,
)
from kztasks.api.services import Services, services_of
from kztasks.api.values import values_of
from kztasks.store.interface import Account

_ACCOUNT_ID: Final = re.compile(r"[0-9a-f]{32}")
_BEARER: Final = "bearer "
_SHOWN_CHARS: Final = 64
"""As much of a malformed id is repeated to the client."""


def token_outside_body(request: Request) -> str | None:
    """The token in a header or the query.

    `X-Auth-Token`, else `auth_token` in the query, else `Authorization: Bearer`, else the same as
    `authorization` in the query.
    """
    query = request.query_params
    candidates = (
        request.headers.get("x-auth-token"),
        query.get("auth_token"),
        _bearer(request.headers.get("authorization", "")),
        _bearer(query.get("authorization", "")),
    )
    return next((token for token in candidates if token), None)


async def require_caller(request: Request) -> Account:
    """The account of the request's token, which is good for this request.

    Raises:
        Forbidden: the token is restricted to other requests.
        KztasksError: as `authenticate`.
    """
    account = await authenticate(request)
    identity = context_of(request).identity
    if identity is None or not identity.may_send(request.method, request.scope["path"]):
        raise Forbidden
    return account


async def authenticate(request: Request) -> Account:
    """The account of the request's token; the request is paid for by it.

    Raises:
        NotAuthenticated: there is no token, or it is not good.
        AccountLocked: its account is disabled.
        TooManyRequests: the account, or the address of a client without a good token, asks too
            often.
    """
    context = context_of(request)
    if context.account is not None:  # a tunnelled request has been here before
        return context.account
    services = services_of(request)
    try:
        token = token_outside_body(request) or await _token_in_body(request)
        identity = await services.tokens.identity(token or "")
        _check_claimed_account(request, identity.account)
    except NotAuthenticated:
        _charge_address(request, services)
        raise
    account = identity.account
    context.token, context.identity = token, identity
    if not account.enabled:
        raise AccountLocked(account.account_id)
    _charge_account(request, services, account)
    return account


Caller = Annotated[Account, Depends(require_caller)]


async def require_access(
    request: Request,
    account_id: Annotated[str, Path(description="32 hexadecimal characters.")],
    caller: Caller,
) -> None:
    """Grant access to the account in the URL.

    Raises:
        MalformedAccount: that is no account's id.
        UnknownAccount: there is no such account.
        Forbidden: the caller may not act on it.
        AccountLocked: it is disabled, and the caller is no superduper admin.
    """
    if _ACCOUNT_ID.fullmatch(account_id) is None:
        raise MalformedAccount(account_id[:_SHOWN_CHARS])
    if account_id == caller.account_id:
        _grant(request, caller, caller)
        return
    target = await services_of(request).deps.store.accounts.get(account_id)
    if target is None:
        raise UnknownAccount(account_id)
    if not may_act_on(caller, target):
        raise Forbidden
    if not (target.enabled or caller.superduper_admin):
        raise AccountLocked(account_id)
    _grant(request, caller, target)


async def require_own_access(request: Request, caller: Caller) -> None:
    """Grant access to the caller's own account."""
    _grant(request, caller, caller)


async def require_admin_access(request: Request, caller: Caller) -> None:
    """Grant a superduper admin access to its own account.

    Raises:
        Forbidden: the caller is no superduper admin.
    """
    if not caller.superduper_admin:
        raise Forbidden
    _grant(request, caller, caller)


async def granted_access(request: Request) -> Access:
    """The access that was granted before; nothing is granted to a route that forgot to ask.

    Raises:
        Forbidden: none was granted.
    """
    access = context_of(request).access
    if access is None:
        raise Forbidden
    return access


AccessDep = Annotated[Access, Depends(granted_access)]


async def charge_open_route(request: Request) -> None:
    """Let a request that needs no token be paid for by its address.

    Raises:
        TooManyRequests: the address asks too often.
    """
    services = services_of(request)
    context = context_of(request)
    cost = services.deps.settings.rates.request
    context.tokens = services.by_address.take(context.client, cost)


def take_upload_place(request: Request, account: Account) -> None:
    """Let the request be one of the account's uploads until it is answered.

    Raises:
        TooManyRequests: the account has as many as it may.
        Overloaded: the process has.
    """
    context = context_of(request)
    if not context.is_upload:
        context.leases.enter_context(services_of(request).uploads.passing(account.account_id))
        context.is_upload = True


def _bearer(authorization: str) -> str | None:
    if not authorization.lower().startswith(_BEARER):
        return None
    return authorization[len(_BEARER) :].strip()


async def _token_in_body(request: Request) -> str | None:
    """The `auth_token` of a small JSON body; a large one is not read for it."""
    try:
        return (await values_of(request)).text("auth_token")
    except (BadField, BodyTooLarge) as error:
        raise NotAuthenticated from error


def _check_claimed_account(request: Request, account: Account) -> None:
    claimed = request.headers.get("x-auth-account-id")
    if claimed is not None and claimed != account.account_id:
        raise NotAuthenticated


def _charge_address(request: Request, services: Services) -> None:
    context = context_of(request)
    services.metrics.auth_failures.inc()
    cost = services.deps.settings.rates.bad_token
    try:
        context.tokens = services.by_address.take(context.client, cost)
    except TooManyRequests:
        context.tokens = services.by_address.peek(context.client)
        raise


def _charge_account(request: Request, services: Services, account: Account) -> None:
    context = context_of(request)
    cost = services.deps.settings.rates.request
    try:
        context.tokens = services.by_account.take(account.account_id, cost)
    except TooManyRequests:
        context.tokens = services.by_account.peek(account.account_id)
        raise
    context.leases.enter_context(services.requests.passing(account.account_id))


def _grant(request: Request, caller: Account, target: Account) -> None:
    context = context_of(request)
    context.access = Access(caller, target, context.request_id, context.client or None)
