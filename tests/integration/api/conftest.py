"""The front on the embedded store and the in-process bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kztasks.api.app import create_app
from kztasks.api.deps import ApiDeps, ApiSettings
from kztasks.kazoo.client import KazooClient
from kztasks.kazoo.listener import KazooListener
from kztasks.store.mongo import MongoStore
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tasks_bindings.verify import RowVerifier
from tests.contract.bus.kit import PATIENCE_S
from tests.integration.api.kit import (
    ACCOUNTS,
    TOKEN,
    TOKENS,
    VERIFY_TIMEOUT_S,
    Front,
    StoreOperations,
)


@pytest.fixture
def api_settings() -> ApiSettings:
    """Limits that tests can reach; a test module may have its own."""
    return ApiSettings(
        node="kztasks@h1", max_upload_bytes=1_000_000, max_json_bytes=100_000, max_page_size=5
    )


@pytest.fixture
def broker() -> MemoryBroker:
    """The bus's broker, shared by the front and the scheduler."""
    return MemoryBroker()


@pytest.fixture
async def listener(store: MongoStore, broker: MemoryBroker) -> AsyncIterator[KazooListener]:
    """The scheduler's side, in its own process as far as the bus can tell."""
    bus = MemoryBus(broker, name="scheduler")
    await bus.start()
    await bus.wait_ready(PATIENCE_S)
    listener = KazooListener(bus, StoreOperations(store), node="kztasks@h2")
    await listener.open()
    yield listener
    await listener.close()
    await bus.close()


@pytest.fixture
async def front(
    store: MongoStore,
    store_folder: Path | None,
    broker: MemoryBroker,
    listener: KazooListener,
    api_settings: ApiSettings,
) -> AsyncIterator[Front]:
    """The front, with accounts, tokens and a scheduler."""
    for account in ACCOUNTS:
        await store.accounts.add(account)
        await store.accounts.add_token(TOKENS[account.account_id], account.account_id)
    bus = MemoryBus(broker, name="api")
    await bus.start()
    await bus.wait_ready(PATIENCE_S)
    client = KazooClient(bus, "kztasks@h1")
    await client.open()
    verifier = RowVerifier(bus, timeout_s=VERIFY_TIMEOUT_S)
    app = create_app(
        ApiDeps(store=store, scheduler=client, verifier=verifier, settings=api_settings)
    )
    scheduler = listener._operations
    assert isinstance(scheduler, StoreOperations)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://front",
        headers={"x-auth-token": TOKEN},
    ) as http:
        yield Front(app, http, store, scheduler, store_folder)
    await client.close()
    await bus.close()
