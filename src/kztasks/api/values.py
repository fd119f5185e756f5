"""What a client says beside the path: a value may stand in the body, or in the query.

As in Kazoo, a name is looked up in the body's `data`, then in the query, then in the body itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import Request
from pydantic import JsonValue

from kztasks.api.content import is_json
from kztasks.api.context import context_of
from kztasks.api.jsonbody import MAX_CONTROL_BYTES, envelope_of, read_bounded

_NOTHING: Mapping[str, JsonValue] = {}


class Values:
    """The values of one request.

    Args:
        envelope: the JSON body, its keys in lower case; empty if there is none.
        query: of the URL.
    """

    def __init__(self, envelope: Mapping[str, JsonValue], query: Mapping[str, str]) -> None:
        self._envelope = envelope
        self._query = query

    @property
    def data(self) -> Mapping[str, JsonValue]:
        """What stands under `data`, if that is an object."""
        data = self._envelope.get("data")
        return data if isinstance(data, dict) else _NOTHING

    def text(self, name: str) -> str | None:
        """A value as text; `None` where it is missing, empty, or neither text nor a number."""
        for found in (self.data.get(name), self._query.get(name), self._envelope.get(name)):
            if isinstance(found, bool):
                return "true" if found else "false"
            if isinstance(found, str | int) and found != "":
                return str(found)
        return None

    def flag(self, name: str) -> bool | None:
        """A value as true or false; `None` where it is neither."""
        return {"true": True, "1": True, "false": False, "0": False}.get(
            (self.text(name) or "").lower()
        )


async def values_of(request: Request, *, limit: int = MAX_CONTROL_BYTES) -> Values:
    """The values of a request; reads its body if that is JSON and was not read before.

    Args:
        request: of a client.
        limit: bytes that its JSON body may have.

    Raises:
        BodyTooLarge: it has more.
        BadField: it is no JSON, or no envelope.
    """
    context = context_of(request)
    if context.envelope is None:
        context.envelope = {}
        if is_json(request.headers):
            body = await read_bounded(request.stream(), limit)
            context.envelope = await asyncio.to_thread(envelope_of, body)
    return Values(context.envelope, request.query_params)
