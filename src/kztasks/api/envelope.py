"""The envelope around every JSON answer, as Crossbar writes it, and the response that holds it."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Final

import orjson
from starlette.responses import Response

from kztasks.api.context import RequestContext
from kztasks.api.errors import NO_HEADERS, Failure

VERSION: Final = version("kztasks")


SCRIPT_TYPE: Final = "application/javascript"


class KazooResponse(Response):
    """A JSON body under exactly `application/json`, or a script that calls a function with it.

    The SDK of Kazoo's web UI compares the whole header and shows no error under any other text.
    """

    media_type = "application/json"

    def __init__(
        self,
        content: Mapping[str, object],
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] = NO_HEADERS,
        is_pretty: bool = False,
        callback: str | None = None,
    ) -> None:
        body = orjson.dumps(content, option=orjson.OPT_INDENT_2 if is_pretty else 0)
        if callback is not None:
            self.media_type = SCRIPT_TYPE
            body = b"%s(%s);" % (callback.encode(), body)
        super().__init__(body, status_code=status, headers=headers)


@dataclass(frozen=True, slots=True)
class Revision:
    """The state of what is answered, as the envelope and the header `ETag` tell it.

    Args:
        text: changes whenever the data do; its MD5 for JSON, as in Kazoo.
    """

    text: str

    @property
    def etag(self) -> str:
        """The value of the header."""
        return f'"{self.text}"'

    def is_known(self, if_none_match: str | None) -> bool:
        """Whether the client says that it has this state already."""
        if if_none_match is None:
            return False
        known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return "*" in known or self.etag in known


def revision_of(data: object) -> Revision:
    """The revision of JSON data."""
    return Revision(hashlib.md5(orjson.dumps(data), usedforsecurity=False).hexdigest())


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
        more: Mapping[str, object] | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> KazooResponse:
        """An answer with `data`; `more` stands beside it, such as `page_size`."""
        content = {"data": data, "status": "success", **(more or {}), **self.common(context)}
        return _response(context, content, status, headers)

    def state(
        self,
        context: RequestContext,
        data: object,
        *,
        if_none_match: str | None,
        more: Mapping[str, object] | None = None,
    ) -> Response:
        """An answer with `data` and its revision, or 304 for a client that has it already."""
        revision = revision_of(data)
        headers = {"ETag": revision.etag}
        if revision.is_known(if_none_match):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        more = {**(more or {}), "revision": revision.text}
        return self.success(context, data, more=more, headers=headers)

    def failure(self, context: RequestContext, failure: Failure) -> KazooResponse:
        """An answer that says what is wrong; `error` is the status as a string."""
        content = {
            "data": failure.data,
            "status": "error",
            "message": failure.message,
            "error": str(int(failure.status)),
            **self.common(context),
        }
        return _response(context, content, failure.status, failure.headers)

    def common(self, context: RequestContext) -> dict[str, object]:
        """What stands in every envelope."""
        now = time.gmtime(self._clock())
        common: dict[str, object] = {
            "request_id": context.request_id,
            "node": self._node,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
            "tokens": {
                "consumed": context.tokens.consumed,
                "remaining": context.tokens.remaining,
            },
        }
        if context.token is not None:
            common["auth_token"] = context.token
        if context.account is not None:
            common["version"] = VERSION
        return common


def _response(
    context: RequestContext,
    content: Mapping[str, object],
    status: int,
    headers: Mapping[str, str],
) -> KazooResponse:
    return KazooResponse(
        content,
        status=status,
        headers=headers,
        is_pretty=context.is_pretty,
        callback=context.callback,
    )
