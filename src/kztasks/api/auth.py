"""Finds out who asks, by their token, and grants access to the account in the URL."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Request

from kztasks.api.access import Access, may_act_on
from kztasks.api.context import context_of
from kztasks.api.refusals import (
    AccountLocked,
    Forbidden,
    MalformedAccount,
    NotAuthenticated,
    UnknownAccount,
)
from kztasks.api.services import services_of
from kztasks.store.interface import Account

MAX_TOKEN_CHARS: Final = 8192

_ACCOUNT_ID: Final = re.compile(r"[0-9a-f]{32}")
_BEARER: Final = "bearer "
_SHOWN_CHARS: Final = 64
"""As much of a malformed id is repeated to the client."""


def token_of(request: Request) -> str | None:
    """The token: `X-Auth-Token`, else `auth_token` in the query, else `Authorization: Bearer`."""
    authorization = request.headers.get("authorization", "")
    is_bearer = authorization.lower().startswith(_BEARER)
    candidates = (
        request.headers.get("x-auth-token"),
        request.query_params.get("auth_token"),
        authorization[len(_BEARER) :].strip() if is_bearer else None,
    )
    return next((token for token in candidates if token), None)


async def require_caller(request: Request) -> Account:
    """The account of the request's token.

    Raises:
        NotAuthenticated: there is no token, or nobody has it.
        AccountLocked: its account is disabled.
    """
    token = token_of(request)
    if token is None or len(token) > MAX_TOKEN_CHARS:
        raise NotAuthenticated
    account = await services_of(request).deps.store.accounts.by_token(token)
    if account is None:
        raise NotAuthenticated
    context = context_of(request)
    context.token, context.account = token, account
    if not account.enabled:
        raise AccountLocked(account.account_id)
    return account


async def require_access(
    request: Request, account_id: str, caller: Annotated[Account, Depends(require_caller)]
) -> Access:
    """The caller's access to the account in the URL.

    Raises:
        MalformedAccount: that is no account's id.
        UnknownAccount: there is no such account.
        Forbidden: the caller may not act on it.
        AccountLocked: it is disabled, and the caller is no superduper admin.
    """
    if _ACCOUNT_ID.fullmatch(account_id) is None:
        raise MalformedAccount(account_id[:_SHOWN_CHARS])
    if account_id == caller.account_id:
        return Access(caller, caller)
    target = await services_of(request).deps.store.accounts.get(account_id)
    if target is None:
        raise UnknownAccount(account_id)
    if not may_act_on(caller, target):
        raise Forbidden
    if not (target.enabled or caller.superduper_admin):
        raise AccountLocked(account_id)
    return Access(caller, target)


AccessDep = Annotated[Access, Depends(require_access)]
