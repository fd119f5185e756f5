"""Which content a request brings, and which one it wants back."""

from __future__ import annotations

from email.message import Message
from enum import StrEnum
from typing import Final

from starlette.datastructures import Headers

from kztasks.api.refusals import UnsupportedContent

_CSV_TYPES: Final = frozenset(
    {"text/csv", "text/comma-separated-values", "application/octet-stream"}
)
_JSON_TYPES: Final = frozenset({"application/json", "application/x-json"})
_FORM_TYPE: Final = "multipart/form-data"
_MAX_BOUNDARY_CHARS: Final = 70
"""RFC 2046, section 5.1.1."""

_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_CSV_WORDS: Final = frozenset({"csv", *_CSV_TYPES})


class BodyKind(StrEnum):
    """How a body is read."""

    CSV = "csv"
    JSON = "json"
    FORM = "form"


def is_json(headers: Headers) -> bool:
    """Whether a body is JSON, as it is without a type."""
    return _parsed(headers).get_content_type() in _JSON_TYPES


def body_kind(headers: Headers) -> BodyKind:
    """How to read the body, by its `Content-Type`; JSON without one, as in Kazoo.

    Raises:
        UnsupportedContent: another type, another character set than UTF-8, or a compressed body.
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise UnsupportedContent("a compressed body is not accepted")
    parsed = _parsed(headers)
    charset = parsed.get_param("charset", "utf-8")
    if not isinstance(charset, str) or charset.lower() not in _CHARSETS:
        raise UnsupportedContent("the character set must be UTF-8")
    media_type = parsed.get_content_type()
    if media_type in _CSV_TYPES:
        return BodyKind.CSV
    if media_type in _JSON_TYPES:
        return BodyKind.JSON
    if media_type == _FORM_TYPE:
        return BodyKind.FORM
    raise UnsupportedContent(
        "Content-Type must be text/csv, application/json or multipart/form-data"
    )


def is_base64(headers: Headers) -> bool:
    """Whether the bytes of a body are spelt in base64 (`Content-Transfer-Encoding`).

    Raises:
        UnsupportedContent: they are spelt in another way that is not known here.
    """
    coding = headers.get("content-transfer-encoding", "binary").strip().lower()
    if coding not in {"base64", "binary", "7bit", "8bit"}:
        raise UnsupportedContent("Content-Transfer-Encoding must be base64 or binary")
    return coding == "base64"


def form_boundary(headers: Headers) -> bytes:
    """What divides the parts of a form.

    Raises:
        UnsupportedContent: the header does not say it.
    """
    boundary = _parsed(headers).get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= _MAX_BOUNDARY_CHARS:
        raise UnsupportedContent("multipart/form-data needs a boundary")
    return boundary.encode("latin-1", "replace")


def _parsed(headers: Headers) -> Message:
    parsed = Message()
    parsed["content-type"] = headers.get("content-type") or "application/json"
    return parsed


def wants_csv(accept: str | None, tunnelled: str | None) -> bool:
    """Whether a client wants the CSV of a task rather than its JSON.

    Args:
        accept: the `Accept` header.
        tunnelled: `accept` from the query, which wins; the old word `csv` is a type here.

    Returns:
        What the first type on the list that can be had says; JSON if there is none.
    """
    for part in (tunnelled or accept or "").lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        if "q=0" in parameters:
            continue
        if media_type in _CSV_WORDS:
            return True
        if media_type in _JSON_TYPES or media_type == "*/*":
            return False
    return False
