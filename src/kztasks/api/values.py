"""What a client says beside the path: a value may stand in the body, or in the query.

As in Kazoo, a name is looked up in the body's `data`, then in the query, then in the body itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi import Request
from pydantic import JsonValue
from starlette.datastructures import Headers, QueryParams

from kztasks.api.content import is_json
from kztasks.api.context import RequestContext, context_of
from kztasks.api.jsonbody import MAX_CONTROL_BYTES, envelope_of, read_bounded
from kztasks.api.refusals import BadField, BodyTooLarge

_NOTHING: Mapping[str, JsonValue] = {}


class Values:
    """The values of one request.

    Args:
        envelope: the JSON body, its keys in lower case; empty if there is none.
        query: of the URL.
    """

    def __init__(self, envelope: Mapping[str, JsonValue], query: QueryParams) -> None:
        self._envelope = envelope
        self._query = query

    @property
    def data(self) -> Mapping[str, JsonValue]:
        """What stands under `data`, if that is an object."""
        data = self._envelope.get("data")
        return data if isinstance(data, dict) else _NOTHING

    @property
    def envelope(self) -> Mapping[str, JsonValue]:
        """What stands beside `data`."""
        return self._envelope

    def text(self, name: str) -> str | None:
        """A value as text; `None` where it is missing, or neither text nor a number.

        Raises:
            BadField: the query has it twice.
        """
        in_query = query_text(name, self._query)
        for found in (self.data.get(name), in_query, self._envelope.get(name)):
            if isinstance(found, bool):
                return "true" if found else "false"
            if isinstance(found, str | int) and found != "":
                return str(found)
        return in_query

    def flag(self, name: str) -> bool | None:
        """A value as true or false; `None` where it is missing.

        Raises:
            BadField: it is neither.
        """
        return flag(name, self.text(name))


def query_text(name: str, query: QueryParams) -> str | None:
    """A value that the query alone may have.

    Raises:
        BadField: it has it twice.
    """
    given = query.getlist(name)
    if len(given) > 1:
        raise BadField(name, "maxItems", "The parameter is given more than once", target=1)
    return given[0] if given else None


def flag(name: str, text: str | None) -> bool | None:
    """What a text says, or `None` where there is none.

    Raises:
        BadField: it is neither `true` nor `false`.
    """
    if text is None:
        return None
    if text not in {"true", "false"}:
        raise BadField(name, "type", "Value did not match type(s): boolean", target="boolean")
    return text == "true"


async def values_of(request: Request, *, limit: int = MAX_CONTROL_BYTES) -> Values:
    """The values of a request; reads its body if that is JSON and was not read before.

    Args:
        request: of a client.
        limit: bytes that its JSON body may have.

    Raises:
        BodyTooLarge: it has more.
        BadField: it is no JSON, or no envelope.
        TooManyRequests: so much of the account's JSON is being read that this has to wait.
        Overloaded: so much of everybody's is.
    """
    context = context_of(request)
    if context.envelope is None:
        context.envelope = {}
        if is_json(request.headers):
            context.envelope = await _read_envelope(request, context, limit)
    return Values(context.envelope, request.query_params)


async def _read_envelope(
    request: Request, context: RequestContext, limit: int
) -> dict[str, JsonValue]:
    memory, payer = context.json_memory, context.payer
    with memory.reading(payer, _expected(request.headers, limit)):
        body = await read_bounded(request.stream(), limit)
    context.json_bytes = len(body)
    context.leases.enter_context(memory.reading(payer, len(body)))
    await memory.decoding(body, context.leases)
    context.leases.callback(context.forget_body)
    return await asyncio.to_thread(envelope_of, body)


def _expected(headers: Headers, limit: int) -> int:
    """How many bytes a body will have, at most."""
    declared = headers.get("content-length", "")
    if not declared.isdecimal():
        return limit if "transfer-encoding" in headers else 0
    if int(declared) > limit:
        raise BodyTooLarge(limit)
    return int(declared)
