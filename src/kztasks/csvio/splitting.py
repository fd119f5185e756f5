"""Cuts a stream of bytes into records, before anybody looks at their cells."""

from __future__ import annotations

import re
from typing import Final

BOM: Final = b"\xef\xbb\xbf"
"""UTF-8's byte order mark."""

_TERMINATORS: Final = (b"\n", b"\r")
_PAIRS: Final = (b"\r\n", b"\n\r", b"\r\r")
_BREAK: Final = re.compile(rb"\r\n|\n\r|\r\r|\n|\r")
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\n\r|\r\r|\n|\r)|[^\r\n]+")


def split_lines(data: bytes) -> list[bytes]:
    r"""Cut at line terminators, which stay with their lines.

    `\r\n`, `\n\r`, `\r\r`, `\n` and `\r` each end a line, and a pair is preferred, as in Kazoo.
    """
    if b"\r" not in data or (b"\n\r" not in data and b"\r\r" not in data):
        return data.splitlines(keepends=True)
    return _LINE.findall(data)


def count_breaks(data: bytes) -> int:
    """How many line terminators there are in `data`."""
    return len(_BREAK.findall(data))


class RecordSplitter:
    """Gets bytes in pieces of any size and gives back whole records, terminators included.

    A record ends at a line terminator that stands outside quotes (RFC 4180, 2.6), that is, after
    an even number of quotes. Each byte is looked at a fixed number of times, however small or large
    the pieces are. What is kept between two pieces is one unfinished record of `max_row_bytes` at
    most: a longer one is handed out cut off, though still too long, and ends the stream.

    Args:
        max_row_bytes: bytes of the longest record that is of use, without its terminator.
        skip_bom: whether the stream begins where a byte order mark may stand.
    """

    def __init__(self, max_row_bytes: int, *, skip_bom: bool) -> None:
        self._longest = max_row_bytes + len(_PAIRS[0])
        self._unfinished = bytearray()
        self._in_quotes = False
        self._held = b""  # a terminator that may be half of a pair, or a part of the mark
        self._may_be_bom = skip_bom
        self._ended = False
        self.bom_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Add the next piece of the stream; returns the records that it completes."""
        if self._ended:
            return []
        if self._held:
            data, self._held = self._held + data, b""
        if self._may_be_bom:
            data = self._without_bom(data)
        lines = split_lines(data)
        if lines and lines[-1].endswith(_TERMINATORS) and not lines[-1].endswith(_PAIRS):
            self._held = lines[-1][-1:]
            lines[-1] = lines[-1][:-1]
        return self._complete(lines, quotes=b'"' in data)

    def close(self) -> list[bytes]:
        """End the stream; returns the records that were waiting for more."""
        if self._ended:
            return []
        records = self._complete([self._held], quotes=False)
        if self._unfinished:
            records.append(bytes(self._unfinished))
        self._unfinished.clear()
        self._ended = True
        return records

    def _without_bom(self, data: bytes) -> bytes:
        if len(data) < len(BOM) and BOM.startswith(data):
            self._held = data
            return b""
        self._may_be_bom = False
        if not data.startswith(BOM):
            return data
        self.bom_bytes = len(BOM)
        return data[len(BOM) :]

    def _complete(self, lines: list[bytes], *, quotes: bool) -> list[bytes]:
        if not lines:
            return []
        rest = b"" if lines[-1].endswith(_TERMINATORS) else lines.pop()
        if quotes or self._in_quotes:
            records = self._join_quoted(lines)
        else:
            records = lines
            if records and self._unfinished:
                records[0] = bytes(self._unfinished) + records[0]
                self._unfinished.clear()
        self._unfinished += rest
        self._in_quotes ^= bool(rest.count(b'"') & 1)
        if len(self._unfinished) > self._longest:
            records.append(bytes(self._unfinished[: self._longest + 1]))
            self._unfinished.clear()
            self._ended = True
        return records

    def _join_quoted(self, lines: list[bytes]) -> list[bytes]:
        """Put together again the lines between which a quoted cell runs on."""
        records: list[bytes] = []
        for line in lines:
            if line.count(b'"') & 1:
                self._in_quotes = not self._in_quotes
            if not self._in_quotes and not self._unfinished:
                records.append(line)
                continue
            self._unfinished += line
            if not self._in_quotes:
                records.append(bytes(self._unfinished))
                self._unfinished.clear()
        return records
