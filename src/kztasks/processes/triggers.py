"""The part of a scheduler process that fires triggers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kztasks.domain.databases import Patterns
from kztasks.scheduler.service import Scheduler
from kztasks.settings import Settings
from kztasks.store.interface import Store
from kztasks.triggers.clock import SystemClock
from kztasks.triggers.handlers import Handlers
from kztasks.triggers.service import NodeNow, Triggers
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.bus import Bus


@asynccontextmanager
async def firing(
    settings: Settings, store: Store, bus: Bus, scheduler: Scheduler
) -> AsyncIterator[Triggers]:
    """Triggers fire while the context is open; a scheduler that has started lends its life."""
    handlers = Handlers(
        store.triggers,
        TasksBindings(bus, scheduler.directory),
        scheduler.directory,
        scheduler.discovery,
        timeout_s=settings.trigger_timeout_s,
    )
    triggers = Triggers(
        store.triggers,
        store.nodes,
        handlers,
        SystemClock(),
        NodeNow(lambda: scheduler.life.node_id, settings.node, lambda: scheduler.life.is_fenced),
        patterns=Patterns(
            settings.databases_account_pattern,
            settings.databases_account_mod_pattern,
            settings.databases_system_pattern,
        ),
        missed_policy=settings.trigger_missed,
        interval_s=lambda: scheduler.run_time.current.browse_dbs_interval_s,
    )
    looking = asyncio.create_task(triggers.run(), name="triggers")
    try:
        yield triggers
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await triggers.close(settings.drain_s)
