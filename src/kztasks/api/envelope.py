"""The envelope around every JSON answer, as Crossbar writes it, and the response that holds it."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Final

import orjson
from starlette.responses import Response

from kztasks.api.context import RequestContext
from kztasks.api.errors import NO_HEADERS, Failure

VERSION: Final = version("kztasks")

_TOKENS: Final = {"consumed": 0, "remaining": 100}
"""Kazoo's bucket of rate tokens; nothing is taken from it, as no rate limit is in force."""


class KazooResponse(Response):
    """A JSON body under exactly `application/json`.

    The SDK of Kazoo's web UI compares the whole header and shows no error under any other text.
    """

    media_type = "application/json"

    def __init__(
        self,
        content: Mapping[str, object],
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(orjson.dumps(content), status_code=status, headers=headers)


class Envelopes:
    """Makes the envelopes of one node.

    Args:
        node: the node's name; its hash is shown.
        clock: Unix seconds.
    """

    def __init__(self, node: str, clock: Callable[[], float]) -> None:
        digest = hashlib.md5(node.encode(), usedforsecurity=False).digest()
        self._node = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self._clock = clock

    def success(
        self,
        context: RequestContext,
        data: object,
        *,
        status: int = HTTPStatus.OK,
        paging: Mapping[str, str | int] | None = None,
    ) -> KazooResponse:
        """An answer with `data`; `paging` are `page_size`, `start_key` and `next_start_key`."""
        content = {"data": data, "status": "success", **(paging or {}), **self._common(context)}
        return KazooResponse(content, status=status)

    def failure(self, context: RequestContext, failure: Failure) -> KazooResponse:
        """An answer that says what is wrong; `error` is the status as a string."""
        content = {
            "data": failure.data,
            "status": "error",
            "message": failure.message,
            "error": str(int(failure.status)),
            **self._common(context),
        }
        return KazooResponse(content, status=failure.status, headers=failure.headers)

    def _common(self, context: RequestContext) -> dict[str, object]:
        now = time.gmtime(self._clock())
        common: dict[str, object] = {
            "request_id": context.request_id,
            "node": self._node,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
            "tokens": _TOKENS,
        }
        if context.token is not None:
            common["auth_token"] = context.token
        if context.account is not None:
            common["version"] = VERSION
        return common
