"""The database, for commands that work on it and end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import ValidationError

from kztasks.errors import Misconfigured
from kztasks.settings import Settings
from kztasks.store.mongo import MongoStore


@asynccontextmanager
async def opened_store() -> AsyncIterator[tuple[MongoStore, Settings]]:
    """The prepared store that the settings name, and the settings.

    Raises:
        Misconfigured: a setting is wrong.
        StoreUnavailable: the database does not answer.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise Misconfigured("a setting is wrong; `kztasks config` says which") from error
    store = MongoStore(settings.mongo_url.get_secret_value(), settings.mongo_database)
    try:
        await store.prepare()
        yield store, settings
    finally:
        await store.close()
