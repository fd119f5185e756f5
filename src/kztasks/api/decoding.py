"""Bytes that were spelt in base64 for the way (RFC 2045, section 6.8)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from typing import Final

from kztasks.api.refusals import BadField

_BLANKS: Final = b" \t\r\n"
_QUANTUM: Final = 4


async def base64_decoded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes that the characters stand for; blanks and line ends among them are passed over.

    Args:
        chunks: the characters, cut anywhere.

    Raises:
        BadField: they are no base64.
    """
    waiting = b""
    is_padded = False
    async for chunk in chunks:
        waiting += chunk.translate(None, _BLANKS)
        whole = len(waiting) - len(waiting) % _QUANTUM
        text, waiting = waiting[:whole], waiting[whole:]
        if not text:
            continue
        if is_padded:
            raise _bad_base64()
        is_padded = text.endswith(b"=")
        yield _decode(text)
    if waiting:
        raise _bad_base64()


def _decode(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise _bad_base64() from error


def _bad_base64() -> BadField:
    return BadField("file", "base64", "The body is no base64", target="body")
