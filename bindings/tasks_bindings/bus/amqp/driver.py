"""The driver's process-wide settings: what it must survive on the wire, and what it logs.

pamqp decodes strictly, and aiormq closes the whole connection when decoding fails. Then one message
of a stranger is enough to cut everybody off, again and again, as the broker delivers it once more
to the next session. A Kazoo node does it with its first message: its timestamps are microseconds
since the year 0, which pamqp takes for the year 2028869. So everything that a stranger can put
into properties and headers is decoded tolerantly here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from pamqp import decode
from pamqp.common import FieldTable, FieldValue

GREGORIAN_OFFSET_S: Final = 62_167_219_200
"""Seconds from the year 0, where Kazoo counts from, to 1970."""
_GREGORIAN_SINCE_S: Final = 62_135_596_800
_MICROSECONDS_SINCE: Final = 10**15
_MILLISECONDS_SINCE: Final = 10**11
_EPOCH: Final = datetime.fromtimestamp(0, tz=UTC)

_strict_table: Final[Callable[[bytes], tuple[int, FieldTable]]] = decode.field_table


def prepare() -> None:
    """Install the tolerant decoders and quieten the driver's loggers. May be repeated."""
    decode.METHODS["timestamp"] = decode_timestamp
    decode.METHODS["shortstr"] = decode_short_string
    decode.METHODS["table"] = decode_table
    decode.TABLE_MAPPING[b"T"] = decode_timestamp
    decode.TABLE_MAPPING[b"F"] = decode_table
    for name in ("aiormq", "aio_pika"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            # It reports as errors, with tracebacks, what the session says in one line of its own.
            logger.setLevel(logging.CRITICAL)


def decode_timestamp(value: bytes) -> tuple[int, FieldValue]:
    """A timestamp in seconds, milliseconds or microseconds, since 1970 or since the year 0.

    Returns:
        How many bytes were used, and the time; 1970 for one that no calendar has.
    """
    number = int.from_bytes(value[:8], "big")
    if number > _MICROSECONDS_SINCE:
        number //= 10**6
    elif number > _MILLISECONDS_SINCE:
        number //= 10**3
    if number > _GREGORIAN_SINCE_S:
        number -= GREGORIAN_OFFSET_S
    try:
        return 8, datetime.fromtimestamp(number, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return 8, _EPOCH


def decode_short_string(value: bytes) -> tuple[int, str]:
    """A short string; bytes that are not UTF-8 become replacement characters."""
    length = value[0]
    return length + 1, value[1 : length + 1].decode("utf-8", errors="replace")


def decode_table(value: bytes) -> tuple[int, FieldTable]:
    """A table of headers; one that cannot be read counts as empty."""
    try:
        return _strict_table(value)
    except (ValueError, ArithmeticError, RecursionError):
        return 4 + int.from_bytes(value[:4], "big"), {}
