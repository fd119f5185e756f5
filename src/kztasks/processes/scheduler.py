"""`kztasks scheduler`: runs tasks and answers requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from kztasks.kazoo.listener import KazooListener
from kztasks.processes.signals import stop_event, unless_stopped
from kztasks.processes.triggers import firing
from kztasks.scheduler.service import Scheduler
from kztasks.settings import Settings
from kztasks.store.interface import Store
from kztasks.store.mongo import MongoStore
from tasks_bindings.bus import Bus
from tasks_bindings.bus.amqp import AmqpBus

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def scheduling(settings: Settings, store: Store, bus: Bus) -> AsyncIterator[Scheduler]:
    """A scheduler that works while the context is open; the store and the bus are the caller's."""
    scheduler = Scheduler(settings, store, bus)
    listener = KazooListener(bus, scheduler.operations, node=settings.node)
    await scheduler.start()
    await listener.open()
    try:
        async with firing(settings, store, bus, scheduler):
            yield scheduler
    finally:
        await listener.close()
        await scheduler.close()


async def run_scheduler(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C."""
    stop = stop_event()
    store = MongoStore(settings.mongo_url.get_secret_value(), settings.mongo_database)
    bus = AmqpBus(
        settings.amqp_url.get_secret_value(),
        name="scheduler",
        heartbeat_s=settings.amqp_heartbeat_s,
    )
    await bus.start()
    if await unless_stopped(stop, store.prepare):
        async with scheduling(settings, store, bus):
            await stop.wait()
            _log.info("scheduler_stopping")
    await bus.close()
    await store.close()
