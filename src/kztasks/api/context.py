"""What is known of one HTTP request beyond its bytes; made by the middleware, filled on the way."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue
from starlette.requests import HTTPConnection
from starlette.types import Scope

from kztasks.api.access import Access
from kztasks.api.identity.tokens import Identity
from kztasks.api.limits.buckets import NOTHING_TAKEN, Tokens
from kztasks.api.limits.json_memory import JsonMemory
from kztasks.store.interface import Account

_KEY: Final = "kztasks"


@dataclass(slots=True)
class RequestContext:
    """One request.

    Args:
        request_id: names it in logs and in the answer.
        client: network address of whoever asks.
        token: what the client sent, once it is proved.
        identity: whom the token acts for.
        access: the account that the request may act on, once that is granted.
        tokens: the state of the rate limit that the request counts for.
        json_memory: what its JSON body takes its memory from.
        json_bytes: the size of that body, once it is read.
        envelope: the JSON body, its keys in lower case, once it is read.
        is_upload: whether the request has a place among the uploads.
        tunnelled: whether the method came as the `verb` of a POST.
        is_pretty: whether the answer is for a person to read.
        callback: the function of a script that a JSON answer is wrapped into.
        leases: what the request holds until it is answered.
    """

    request_id: str
    client: str = ""
    token: str | None = None
    identity: Identity | None = None
    access: Access | None = None
    tokens: Tokens = NOTHING_TAKEN
    json_memory: JsonMemory = field(default_factory=JsonMemory)
    json_bytes: int = 0
    envelope: dict[str, JsonValue] | None = None
    is_upload: bool = False
    tunnelled: bool = False
    is_pretty: bool = False
    callback: str | None = None
    leases: ExitStack = field(default_factory=ExitStack)

    @property
    def payer(self) -> str:
        """Who pays for what the request takes: the account, or the address of a stranger."""
        return self.account.account_id if self.account else f"address {self.client}"

    @property
    def account(self) -> Account | None:
        """Whom the client proved to be."""
        return self.identity.account if self.identity else None

    def forget_body(self) -> None:
        """Let the decoded body go before its memory is given to another request."""
        self.envelope = {}


def attach(scope: Scope, context: RequestContext) -> None:
    """Let everybody who sees the request find its context."""
    scope.setdefault("state", {})[_KEY] = context


def context_of(request: HTTPConnection) -> RequestContext:
    """The context of a request that came through the middleware."""
    context = request.scope["state"][_KEY]
    if not isinstance(context, RequestContext):
        raise TypeError("the request did not come through the middleware")
    return context
