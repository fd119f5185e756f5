"""Which bytes of a file a client asks for (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from kztasks.api.limits.refusals import BadRange

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` to `stop` (exclusive) of a file of `size` bytes."""

    start: int
    stop: int
    size: int

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return self.stop - self.start

    @property
    def content_range(self) -> str:
        """The value of `Content-Range`."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def byte_range(
    header: str | None, if_range: str | None, *, size: int, etag: str | None
) -> ByteRange | None:
    """The range to send, or `None` for the whole file.

    Several ranges at once, and what cannot be understood, are answered with the whole file, as the
    RFC allows.

    Args:
        header: `Range`.
        if_range: `If-Range`; a range of another state of the file is of no use to the client.
        size: of the file.
        etag: of the file as it is now.

    Raises:
        BadRange: the range begins behind the end of the file.
    """
    if header is None or (if_range is not None and if_range != etag):
        return None
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise BadRange(size)
    return ByteRange(start, min(int(last) + 1, size) if last else size, size)


def _suffix(length: str, size: int) -> ByteRange | None:
    if not length:
        return None
    if int(length) == 0:
        raise BadRange(size)
    return ByteRange(max(0, size - int(length)), size, size)
