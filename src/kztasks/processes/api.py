"""`kztasks api`: the HTTP front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from kztasks.api.app import create_app, make_ready, watch_loop
from kztasks.api.deps import ApiDeps, Beside
from kztasks.kazoo.client import KazooClient
from kztasks.processes.api_settings import api_settings
from kztasks.processes.http import HttpServer
from kztasks.processes.signals import stop_event, unless_stopped
from kztasks.settings import Settings
from kztasks.store.interface import Store
from kztasks.store.mongo import MongoStore
from tasks_bindings.bus import Bus
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.verify import RowVerifier

_log = structlog.get_logger(__name__)

STORE_ANSWER_S: Final = 10.0
"""A client is told after so long that the database does not answer."""


@asynccontextmanager
async def serving(
    settings: Settings, store: Store, bus: Bus, beside: Beside | None = None
) -> AsyncIterator[HttpServer]:
    """A front that serves while the context is open; the store and the bus are the caller's.

    Args:
        settings: of the service.
        store: the database; prepared.
        bus: started.
        beside: what else runs in this process, to be shown to probes.
    """
    client = KazooClient(bus, settings.node)
    await client.open()
    deps = ApiDeps(
        store=store,
        scheduler=client,
        verifier=RowVerifier(bus),
        settings=api_settings(settings),
        beside=beside,
    )
    app = create_app(deps)
    make_ready(app)
    server = HttpServer(app, settings)
    await server.start()
    watching = asyncio.create_task(watch_loop(app))
    try:
        yield server
    finally:
        await server.close()
        watching.cancel()
        await client.close()


async def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    stop = stop_event()
    store = MongoStore(
        settings.mongo_url.get_secret_value(), settings.mongo_database, answer_s=STORE_ANSWER_S
    )
    bus = AmqpBus(
        settings.amqp_url.get_secret_value(),
        name="api",
        heartbeat_s=settings.amqp_heartbeat_s,
        insecure=settings.insecure_amqp,
    )
    await bus.start()
    if await unless_stopped(stop, store.prepare):
        async with serving(settings, store, bus) as server:
            _log.info("api_started", host=settings.http_host, port=server.port)
            await stop.wait()
    await bus.close()
    await store.close()
    _log.info("api_stopped")
