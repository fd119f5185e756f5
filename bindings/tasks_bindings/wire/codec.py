"""Bytes to message and back: JSON, one version field, one limit; nothing else encodes."""

from __future__ import annotations

from typing import Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from tasks_bindings.errors import DecodeError, MessageTooLarge, UnsupportedVersion

CONTENT_TYPE: Final = "application/json"
VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""A larger message holds up everybody on its connection (a 64 MiB one delays a ping by 77 ms)."""


M = TypeVar("M", bound=BaseModel)


def encode(message: BaseModel) -> bytes:
    """The message as JSON bytes; keys that were not set are left out.

    Raises:
        MessageTooLarge: it is over `MAX_MESSAGE_BYTES`.
    """
    return check_size(message.model_dump_json(exclude_none=True, by_alias=True).encode())


def encode_plain(message: dict[str, object]) -> bytes:
    """A message that was built as a plain mapping, for the two bulk messages (batch and its reply).

    Raises:
        DecodeError: a value in it cannot be JSON.
        MessageTooLarge: it is over `MAX_MESSAGE_BYTES`.
    """
    try:
        return check_size(orjson.dumps(message))
    except TypeError as error:
        raise DecodeError(f"not JSON: {error}") from error


def check_size(body: bytes) -> bytes:
    """Return `body` unchanged.

    Raises:
        MessageTooLarge: it is over `MAX_MESSAGE_BYTES`.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"{len(body)} bytes, the limit for a message is {MAX_MESSAGE_BYTES}")
    return body


def decode(body: bytes, model: type[M]) -> M:
    """Validate `body` as a message of type `model`.

    Fields that are not known are ignored, so that a newer sender can add some.

    Raises:
        MessageTooLarge: it is over `MAX_MESSAGE_BYTES`.
        UnsupportedVersion: its field `v` is not the version spoken here.
        DecodeError: it is not JSON or not such a message; the text names the fields at fault.
    """
    check_size(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        if any(problem["loc"] == ("v",) for problem in problems):
            raise UnsupportedVersion(
                f"{model.__name__}: only version {VERSION} is spoken"
            ) from None
        listed = "; ".join(_sentence(problem["loc"], problem["msg"]) for problem in problems[:5])
        raise DecodeError(f"{model.__name__}: {listed}") from None


def _sentence(location: tuple[int | str, ...], text: str) -> str:
    return f"{'.'.join(map(str, location)) or 'body'}: {text}"
