"""`kztasks scheduler`: runs tasks and answers requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from kztasks.errors import Misconfigured
from kztasks.kazoo.listener import KazooListener
from kztasks.processes.clockwork import Clockwork
from kztasks.processes.ops import scheduler_pages
from kztasks.processes.signals import stop_event, unless_stopped
from kztasks.scheduler.service import Scheduler
from kztasks.settings import Settings
from kztasks.store.interface import Store
from kztasks.store.mongo import MongoStore
from tasks_bindings import crash_points
from tasks_bindings.bus import Bus
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.ops import OpsServer

_log = structlog.get_logger(__name__)

ANSWERS_S: Final = 1.0
"""How long requests wait at most for what the apps say of themselves; without it, a lookup would
find nothing."""


@asynccontextmanager
async def scheduling(settings: Settings, store: Store, bus: Bus) -> AsyncIterator[Scheduler]:
    """A scheduler that works while the context is open; the store and the bus are the caller's."""
    scheduler = Scheduler(settings, store, bus)
    async with working(scheduler, settings, store, bus):
        yield scheduler


@asynccontextmanager
async def working(
    scheduler: Scheduler, settings: Settings, store: Store, bus: Bus
) -> AsyncIterator[None]:
    """The same, with a scheduler that was made before."""
    listener = KazooListener(bus, scheduler.operations, node=settings.node)
    scheduler.read_out(lambda: listener.counts)
    await scheduler.start()
    await scheduler.discovery.wait_for_answers(ANSWERS_S)
    await listener.open()
    _log.info("scheduler_started", node_id=scheduler.life.node_id)
    clockwork = Clockwork(settings, store, bus, scheduler)
    try:
        yield
    finally:
        scheduler.announce_leaving()
        await listener.close()
        await asyncio.gather(scheduler.drain(), clockwork.close())
        await scheduler.close()


async def run_scheduler(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C."""
    crash_points.arm(settings.crash_at)
    stop = stop_event()
    store = MongoStore(settings.mongo_url.get_secret_value(), settings.mongo_database)
    bus = AmqpBus(
        settings.amqp_url.get_secret_value(),
        name="scheduler",
        heartbeat_s=settings.amqp_heartbeat_s,
        insecure=settings.insecure_amqp,
    )
    await bus.start()
    scheduler = Scheduler(settings, store, bus)
    async with probed(settings, scheduler):
        if await unless_stopped(stop, store.prepare):
            async with working(scheduler, settings, store, bus):
                await stop.wait()
                _log.info("scheduler_stopping")
    await bus.close()
    await store.close()


@asynccontextmanager
async def probed(settings: Settings, scheduler: Scheduler) -> AsyncIterator[None]:
    """Answer probes, if a port is set: from before the scheduler works until it has left.

    Raises:
        Misconfigured: the address or the port cannot be had.
    """
    if settings.ops_port is None:
        yield
        return
    pages = scheduler_pages(scheduler.health, scheduler.metrics)
    server = OpsServer(settings.ops_host, settings.ops_port, pages)
    try:
        await server.start()
    except OSError as error:
        raise Misconfigured(f"probes cannot be served: {error.strerror or error}") from error
    try:
        yield
    finally:
        await server.close()
