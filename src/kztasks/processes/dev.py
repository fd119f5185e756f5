"""`kztasks dev`: everything in one process, on an in-process bus and an embedded database.

The HTTP front, a scheduler and the sample apps talk over the same messages as separate processes
do. The database is a child process that ends with this one; its data stays in a folder.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from kztasks.processes.api import serving
from kztasks.processes.ops import SchedulerBeside
from kztasks.processes.scheduler import scheduling
from kztasks.settings import Settings
from kztasks.store.embedded import EmbeddedStore
from kztasks.store.interface import Account, Store
from kztasks.store.mongo import MongoStore
from tasks_bindings import AppRunner, Environment
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tasks_bindings.sdk.load import load_app

_log = structlog.get_logger(__name__)

SAMPLE_APPS: Final = ("apps.skel:app", "apps.number_management:app")
DEV_PAUSE_MS: Final = 20
"""The pause after a row in a new dev folder: short, but the progress can be seen."""


@dataclass(frozen=True, slots=True)
class DevSite:
    """A running dev process, as its user sees it."""

    url: str
    account_id: str
    token: str
    folder: Path
    apps: tuple[str, ...]


@asynccontextmanager
async def developing(settings: Settings, apps: Sequence[str]) -> AsyncIterator[DevSite]:
    """Everything runs while the context is open.

    Args:
        settings: of the service; addresses of broker and database are not used.
        apps: targets of the form MODULE:APP.

    Raises:
        Misconfigured: another dev process uses the folder, or the port is taken.
        DefinitionError: there is no such app.
    """
    folder = settings.data_folder.resolve()
    loaded = [load_app(target) for target in apps]
    async with AsyncExitStack() as stack:
        embedded = await stack.enter_async_context(EmbeddedStore(folder / "store"))
        settings = settings.model_copy(update={"mongo_url": SecretStr(embedded.url)})
        store = MongoStore(embedded.url, settings.mongo_database)
        stack.push_async_callback(store.close)
        await store.prepare()
        for node in await store.nodes.all():  # of an earlier process: this one holds the folder
            await store.nodes.remove(node.node_id)
        account, token = _read_first_account(folder)
        await _store_account(store, account, token)
        if not await store.run_time_settings():
            await store.set_run_time_settings({"wait_after_row_ms": DEV_PAUSE_MS})
        broker = MemoryBroker()
        variables = {**os.environ, "KZTASKS_MONGO_URL": embedded.url}  # noqa: TID251  (for apps)
        scheduler = await stack.enter_async_context(
            scheduling(settings, store, await _bus(stack, broker, "scheduler"))
        )
        for app in loaded:
            runner = AppRunner(app, await _bus(stack, broker, app.name), Environment(variables))
            await runner.start()
            stack.push_async_callback(runner.close, drain_s=1.0)
        server = await stack.enter_async_context(
            serving(settings, store, await _bus(stack, broker, "api"), SchedulerBeside(scheduler))
        )
        yield DevSite(
            url=f"http://{settings.http_host}:{server.port}",
            account_id=account,
            token=token,
            folder=folder,
            apps=tuple(app.name for app in loaded),
        )


async def _bus(stack: AsyncExitStack, broker: MemoryBroker, name: str) -> MemoryBus:
    bus = MemoryBus(broker, name=name)
    await bus.start()
    stack.push_async_callback(bus.close)
    return bus


def _read_first_account(folder: Path) -> tuple[str, str]:
    """The account that a dev folder begins with, and its token, kept beside the data.

    The database has the token's hash alone, so a later start could not print it otherwise.
    """
    path = folder / "account.json"
    if path.exists():
        kept = json.loads(path.read_text())
        return str(kept["account_id"]), str(kept["token"])
    account_id, token = secrets.token_hex(16), secrets.token_urlsafe(32)
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"account_id": account_id, "token": token}, file, indent=1)
    return account_id, token


async def _store_account(store: Store, account_id: str, token: str) -> None:
    await store.accounts.add(Account(account_id=account_id, name="dev", superduper_admin=True))
    await store.accounts.add_token(token, account_id)
