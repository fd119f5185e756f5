"""The edge of the driver: its errors become the service's, with the driver's text as the cause."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bson.errors import BSONError
from pymongo.errors import DocumentTooLarge, OperationFailure, PyMongoError

from kztasks.errors import Invalid, StoreFull, StoreUnavailable

OUT_OF_DISK_SPACE: Final = 14031
_PASSING: Final = frozenset({24, 50, 91, 112, 189, 262, 11600, 11602, OUT_OF_DISK_SPACE})
"""Of a server that is busy, leaves, changes its role or has no room. All may work later."""
_FULL: Final = re.compile(
    r"disk is full|disk I/O error|no space left|out of disk|file too large", re.IGNORECASE
)
"""The embedded server says so in SQLite's words, and without a code of its own."""


def is_full(error: PyMongoError) -> bool:
    """Whether the server has no room for what it was told to write."""
    return getattr(error, "code", None) == OUT_OF_DISK_SPACE or bool(_FULL.search(str(error)))


def is_passing(error: OperationFailure) -> bool:
    """Whether the same command may work later."""
    return error.code in _PASSING or is_full(error)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Run calls of the driver, and of nothing else, inside this.

    Args:
        doing: what is being done, for the error's sentence ("appending to the log").

    Raises:
        StoreUnavailable: the database did not do it, or did not say whether it did.
        StoreFull: it has no room for it.
        Invalid: the values can never be stored: too large, or no text that UTF-8 can hold.
    """
    try:
        yield
    except (BSONError, DocumentTooLarge, OverflowError, UnicodeError) as error:
        raise Invalid(f"a value cannot be stored ({doing})") from error
    except PyMongoError as error:
        if is_full(error):
            raise StoreFull(f"the database has no room ({doing})") from error
        raise StoreUnavailable(f"the database did not answer ({doing})") from error
