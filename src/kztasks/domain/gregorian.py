"""Kazoo counts seconds from year 0 of the Gregorian calendar; documents and replies do so too."""

from __future__ import annotations

from typing import Final

GREGORIAN_OFFSET_S: Final = 62_167_219_200
"""Seconds from year 0 to 1970-01-01T00:00:00Z."""


def from_unix(seconds: float) -> int:
    """Gregorian seconds of a Unix time in seconds."""
    return int(seconds) + GREGORIAN_OFFSET_S


def to_unix(gregorian: int) -> int:
    """Unix seconds of a time in Gregorian seconds."""
    return gregorian - GREGORIAN_OFFSET_S
