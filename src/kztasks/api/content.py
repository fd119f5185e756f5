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
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_CSV_WORDS: Final = frozenset({"csv", *_CSV_TYPES})


class BodyKind(StrEnum):
    """How a body is read."""

    CSV = "csv"
    JSON = "json"


def body_kind(headers: Headers) -> BodyKind:
    """How to read the body, by its `Content-Type`; JSON without one, as in Kazoo.

    Raises:
        UnsupportedContent: another type, another character set than UTF-8, or a compressed body.
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise UnsupportedContent("a compressed body is not accepted")
    parsed = Message()
    parsed["content-type"] = headers.get("content-type") or "application/json"
    media_type = parsed.get_content_type()
    charset = parsed.get_param("charset", "utf-8")
    if not isinstance(charset, str) or charset.lower() not in _CHARSETS:
        raise UnsupportedContent("the character set must be UTF-8")
    if media_type in _CSV_TYPES:
        return BodyKind.CSV
    if media_type in _JSON_TYPES:
        return BodyKind.JSON
    raise UnsupportedContent("Content-Type must be text/csv or application/json")


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
