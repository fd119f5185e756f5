"""What can go wrong with a number.

NumbersError
├── NumberRefused      the rules forbid what the row asks for; the row fails with this text
├── Misconfigured      a setting of the process makes no sense; raised at start
└── TableUnavailable   the table does not answer, not even after a while; a crash of the handler
"""

from __future__ import annotations

from typing import ClassVar


class NumbersError(Exception):
    """Root of this app's errors; `code` is stable and safe to match on."""

    code: ClassVar[str] = "numbers_error"


class NumberRefused(NumbersError):
    """The rules forbid what the row asks for; the text goes into its error column."""

    code = "number_refused"


class Misconfigured(NumbersError):
    """A setting of the process makes no sense; the text names it and says what to change."""

    code = "misconfigured"


class TableUnavailable(NumbersError):
    """The table of numbers does not answer."""

    code = "table_unavailable"
