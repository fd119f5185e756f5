"""The database, for commands that work on it and end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from rich.console import Console

from kztasks.errors import Misconfigured, StoreUnavailable
from kztasks.settings import Settings
from kztasks.store.embedded import EmbeddedStore, url_of_running
from kztasks.store.mongo import MongoStore

FOLDER_HELP: Final = (
    "Data folder of `kztasks dev` whose database is meant, whether dev runs or not. Without it "
    "KZTASKS_MONGO_URL is, or else the database of a running dev."
)

_STORE: Final = "store"
"""The database's folder in a data folder of `kztasks dev`."""


@asynccontextmanager
async def opened_store(folder: Path | None = None) -> AsyncIterator[tuple[MongoStore, Settings]]:
    """The prepared store that is meant, and the settings.

    Args:
        folder: a data folder of `kztasks dev`; without one the store is that of the settings, or
            of a dev process that runs in its usual folder, if no setting names another.

    Raises:
        Misconfigured: a setting is wrong, or the folder is no data folder.
        StoreUnavailable: the database does not answer.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise Misconfigured("a setting is wrong; `kztasks config` says which") from error
    async with AsyncExitStack() as stack:
        url = await _url(settings, folder, stack)
        store = MongoStore(url, settings.mongo_database)
        stack.push_async_callback(store.close)
        try:
            await store.prepare()
        except StoreUnavailable as error:
            raise StoreUnavailable(_advice(settings, str(error))) from error
        yield store, settings


async def _url(settings: Settings, folder: Path | None, stack: AsyncExitStack) -> str:
    if folder is not None:
        return await _url_of_dev(folder, stack)
    running = None if _is_named(settings) else url_of_running(settings.data_folder / _STORE)
    if running is None:
        return settings.mongo_url.get_secret_value()
    Console(stderr=True).print(
        f"this is about the database of `kztasks dev`, which runs in {settings.data_folder}",
        highlight=False,
        soft_wrap=True,
    )
    return running


async def _url_of_dev(folder: Path, stack: AsyncExitStack) -> str:
    store = folder / _STORE
    if not store.is_dir():
        raise Misconfigured(f"{folder} is no data folder of `kztasks dev`")
    running = url_of_running(store)
    if running is not None:
        return running
    return (await stack.enter_async_context(EmbeddedStore(store))).url


def _is_named(settings: Settings) -> bool:
    return "mongo_url" in settings.model_fields_set


def _advice(settings: Settings, problem: str) -> str:
    if _is_named(settings):
        return f"{problem}; KZTASKS_MONGO_URL says where it should be"
    return (
        f"{problem}; KZTASKS_MONGO_URL is not set, there is no MongoDB on this machine, and no "
        f"`kztasks dev` runs in {settings.data_folder.resolve()} (KZTASKS_DATA_FOLDER)"
    )
