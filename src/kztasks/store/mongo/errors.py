"""The edge of the driver: its errors become the service's, with the driver's text as the cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import DocumentTooLarge, PyMongoError

from kztasks.errors import Invalid, StoreUnavailable


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Run calls of the driver, and of nothing else, inside this.

    Args:
        doing: what is being done, for the error's sentence ("appending to the log").

    Raises:
        StoreUnavailable: the database did not do it, or did not say whether it did.
        Invalid: the values can never be stored: too large, or no text that UTF-8 can hold.
    """
    try:
        yield
    except (BSONError, DocumentTooLarge, OverflowError, UnicodeError) as error:
        raise Invalid(f"a value cannot be stored ({doing})") from error
    except PyMongoError as error:
        raise StoreUnavailable(f"the database did not answer ({doing})") from error
