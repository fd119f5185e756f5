"""JSON from strangers: bounded, strict, and nothing in it that fails later.

Refused are what other parts of the system could not store or send on: numbers that are not finite
or not 64-bit, lone surrogates, NUL, a key twice, and nesting deeper than any request needs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator
from typing import Final, cast

from pydantic import JsonValue

from kztasks.api.refusals import BadField, BodyTooLarge

MAX_DEPTH: Final = 32
MAX_CONTROL_BYTES: Final = 64 * 1024
"""The largest body of a request that needs none."""

_INT_DIGITS: Final = 19
_SUSPECT_ESCAPE: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_FORBIDDEN: Final = re.compile("[\x00\ud800-\udfff]")


class _Refused(ValueError):
    """Well-formed JSON that is not accepted."""


async def read_bounded(chunks: AsyncIterator[bytes], limit: int) -> bytearray:
    """The whole body.

    Raises:
        BodyTooLarge: it is over `limit` bytes; what follows is not read.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(limit)
    return body


def parse_json(body: bytes | bytearray) -> JsonValue:
    """The value that a body holds.

    Raises:
        BadField: it is no JSON, or not one that is accepted; `cause` says why.
    """
    try:
        text = body.decode()
        value = cast(
            "JsonValue",
            json.loads(
                text,
                object_pairs_hook=_object,
                parse_constant=_constant,
                parse_float=_float,
                parse_int=_int,
            ),
        )
        _check_nesting(value, look_at_strings=_SUSPECT_ESCAPE.search(text) is not None)
    except RecursionError:
        raise _bad_json("it is nested too deeply") from None
    except _Refused as error:
        raise _bad_json(str(error)) from None
    except UnicodeDecodeError:
        raise _bad_json("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _bad_json(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    return value


def decoded_size(body: bytes | bytearray) -> int:
    """Bytes that a body takes at most while it is decoded and once it is, itself included.

    Not more than a guess from the characters that begin something, on CPython's objects: a list
    with one item, an object with one member, and a place in a list for each value.
    """
    texts = max(0, body.count(b'"') // 2 - body.count(b":"))
    return (
        5 * len(body)
        + 88 * body.count(b"[")
        + 200 * body.count(b"{")
        + 40 * body.count(b",")
        + 56 * texts
    )


def envelope_of(body: bytes | bytearray) -> dict[str, JsonValue]:
    """A body's members, their names in lower case; `{}` for an empty body.

    Raises:
        BadField: bad JSON, no object, or `data` is missing or neither object nor array.
    """
    if not body.strip():
        return {}
    envelope = parse_json(body)
    if not isinstance(envelope, dict):
        raise BadField("json", "type", "The body must be an object", target="object")
    lowered = {key.lower(): value for key, value in envelope.items()}
    if "data" not in lowered:
        raise BadField("data", "required", "Field is required but missing")
    if not isinstance(lowered["data"], dict | list):
        raise BadField("data", "type", "Value did not match type(s): object,array")
    return lowered


def _bad_json(cause: str) -> BadField:
    return BadField("json", "invalid", "All JSON must be valid", target="body", cause=cause)


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("a key is given twice in an object")
    return members


def _constant(name: str) -> JsonValue:
    raise _Refused(f"{name} is no JSON number")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused("a number is too large")
    return number


def _int(digits: str) -> int:
    if len(digits) > _INT_DIGITS + 1 or not -(2**63) <= (number := int(digits)) < 2**63:
        raise _Refused("an integer does not fit into 64 bits")
    return number


def _check_nesting(value: JsonValue, *, look_at_strings: bool) -> None:
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH + 1):
        if look_at_strings:
            _check_strings(level)
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return
        level = [item for container in containers for item in _members(container)]
    raise _Refused(f"it is nested more than {MAX_DEPTH} deep")


def _members(value: dict[str, JsonValue] | list[JsonValue]) -> list[JsonValue]:
    return [*value.values()] if isinstance(value, dict) else value


def _check_strings(values: list[JsonValue]) -> None:
    for value in values:
        texts = [value] if isinstance(value, str) else value if isinstance(value, dict) else ()
        if any(_FORBIDDEN.search(text) for text in texts):
            raise _Refused("a string has a NUL or half of a surrogate pair")
