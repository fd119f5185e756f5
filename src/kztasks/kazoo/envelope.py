"""What all messages of Kazoo's API have in common: headers, key names, bytes to model and back.

Correlation and reply address stand in the JSON body (`Msg-ID`, `Server-ID`), never in the AMQP
properties. Keys are written `Like-This`; unset and empty ones are not written at all.
"""

from __future__ import annotations

import secrets
from importlib.metadata import version
from typing import Annotated, Final, Literal, TypedDict, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints

from tasks_bindings.errors import DecodeError, MessageTooLarge
from tasks_bindings.wire import codec

APP_NAME: Final = "kztasks"
APP_VERSION: Final = version("kztasks")
CATEGORY: Final = "tasks"
MAX_REQUEST_BYTES: Final = 64 * 1024
"""Requests hold a few short strings; what is larger is no request."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=1024)]

_ALWAYS_KEPT: Final = frozenset({"Msg-ID", "Server-ID"})


def new_msg_id() -> str:
    """16 hexadecimal characters, as Kazoo's own callers make them."""
    return secrets.token_hex(8)


def kazoo_key(field: str) -> str:
    """The key of a field: `msg_id` is `Msg-ID`."""
    return "-".join("ID" if word == "id" else word.capitalize() for word in field.split("_"))


class KazooMessage(BaseModel):
    """The headers of every message. Keys that are not known here are ignored, as Kazoo does."""

    model_config = ConfigDict(
        alias_generator=kazoo_key,
        extra="ignore",
        frozen=True,
        strict=True,
        validate_by_alias=True,
        validate_by_name=True,
    )

    app_name: Word
    app_version: Word
    event_category: Literal["tasks"]
    event_name: Word
    msg_id: Word
    node: Word | None = None


class Headers(KazooMessage):
    """The headers alone, to find out which message it is."""


M = TypeVar("M", bound=KazooMessage)


class HeaderFields(TypedDict):
    """The headers that a sender has to fill, by field name; each model knows its `event_name`."""

    app_name: str
    app_version: str
    event_category: Literal["tasks"]
    msg_id: str
    node: str


def headers(node: str, msg_id: str) -> HeaderFields:
    """The headers of a message that the node `node` sends, such as `kztasks@host`."""
    return HeaderFields(
        app_name=APP_NAME,
        app_version=APP_VERSION,
        event_category=CATEGORY,
        msg_id=msg_id,
        node=node,
    )


def encode(message: KazooMessage) -> bytes:
    """The message as Kazoo reads it.

    Raises:
        MessageTooLarge: it is over the limit for any message.
    """
    content = message.model_dump(mode="json", by_alias=True)
    return codec.check_size(orjson.dumps(drop_unset(content)))


def decode(body: bytes, content_type: str | None, model: type[M], *, limit: int) -> M:
    """Validate a body as `model`.

    Args:
        body: the message's bytes.
        content_type: its AMQP property; only JSON is spoken here.
        model: what it should be.
        limit: bytes at most.

    Raises:
        MessageTooLarge: it is over `limit`.
        DecodeError: not JSON, or not such a message; the text names the keys at fault.
    """
    if content_type != codec.CONTENT_TYPE:
        raise DecodeError(f"content type {content_type!r} is not {codec.CONTENT_TYPE}")
    if len(body) > limit:
        raise MessageTooLarge(f"{len(body)} bytes, the limit is {limit}")
    return codec.decode(body, model)


def drop_unset(content: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Without the keys whose value is null or "", at any depth.

    Empty lists and objects, zero and false stay; so do `Msg-ID` and `Server-ID` when empty.
    """
    return {
        key: _drop_inside(value)
        for key, value in content.items()
        if value is not None and (value != "" or key in _ALWAYS_KEPT)
    }


def _drop_inside(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return drop_unset(value)
        case list():
            return [_drop_inside(item) for item in value]
        case _:
            return value
