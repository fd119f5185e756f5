"""What is known of one HTTP request beyond its bytes; made by the middleware, filled by auth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import Scope

from kztasks.store.interface import Account

_KEY: Final = "kztasks"


@dataclass(slots=True)
class RequestContext:
    """`token` is what the client sent, `account` whom it proved to be."""

    request_id: str
    token: str | None = None
    account: Account | None = None


def attach(scope: Scope, context: RequestContext) -> None:
    """Let everybody who sees the request find its context."""
    scope.setdefault("state", {})[_KEY] = context


def context_of(request: HTTPConnection) -> RequestContext:
    """The context of a request that came through the middleware."""
    context = request.scope["state"][_KEY]
    if not isinstance(context, RequestContext):
        raise TypeError("the request did not come through the middleware")
    return context
