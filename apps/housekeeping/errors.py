"""What can go wrong.

HousekeepingError
├── Misconfigured   a setting of the process makes no sense; raised at start
└── NotOpen         a function was called in a process whose start hook has not run
"""

from __future__ import annotations

from typing import ClassVar


class HousekeepingError(Exception):
    """Root of this app's errors; `code` is stable and safe to match on."""

    code: ClassVar[str] = "housekeeping_error"


class Misconfigured(HousekeepingError):
    """A setting of the process makes no sense; the text names it and says what to change."""

    code = "misconfigured"


class NotOpen(HousekeepingError):
    """The app's start hook has not run."""

    code = "not_open"
