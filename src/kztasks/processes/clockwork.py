"""The part of a scheduler process that works by the clock: triggers and schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from kztasks.clock import SystemClock
from kztasks.domain.databases import Patterns
from kztasks.domain.task import Task
from kztasks.kazoo.operations import StartRefusal
from kztasks.processes.clock_watch import ClockWatch
from kztasks.processes.clockwork_metrics import ClockworkMetrics
from kztasks.quota import UNFINISHED, TaskQuota
from kztasks.scheduler.service import Scheduler
from kztasks.schedules.service import Schedules
from kztasks.settings import Settings
from kztasks.store.interface import Store
from kztasks.triggers.handlers import Handlers
from kztasks.triggers.service import NodeNow, Triggers
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.bus import Bus


class Clockwork:
    """Fires triggers and makes the tasks of schedules, from now on until it is closed.

    Args:
        settings: of the service.
        store: the database.
        bus: the way to the apps.
        scheduler: has started; it lends its life, and what it knows of apps.
    """

    def __init__(self, settings: Settings, store: Store, bus: Bus, scheduler: Scheduler) -> None:
        self._drain_s = settings.drain_s
        self._clock_watch = ClockWatch(store.retention)
        metrics = ClockworkMetrics(scheduler.metrics.registry)

        def is_held() -> bool:
            is_cut_off = not bus.is_ready or bus.health.blocked
            return scheduler.life.is_fenced or is_cut_off or self._clock_watch.is_off

        self.triggers: Final = _triggers(settings, store, bus, scheduler, is_held, metrics)
        quota = TaskQuota(store.tasks, UNFINISHED, settings.account_unfinished_tasks)
        self.schedules: Final = _schedules(store, scheduler, is_held, quota, metrics)
        metrics.read_out(
            lambda: self.triggers.running,
            lambda: self.schedules.making,
            lambda: self._clock_watch.off_s,
        )
        self._looking = [
            asyncio.create_task(self._clock_watch.run(), name="clock watch"),
            asyncio.create_task(self.triggers.run(), name="triggers"),
            asyncio.create_task(self.schedules.run(), name="schedules"),
        ]

    async def close(self) -> None:
        """Begin nothing more, and let what runs end in the time that a drain may take."""
        for one in self._looking:
            one.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        await asyncio.gather(
            self.triggers.close(self._drain_s), self.schedules.close(self._drain_s)
        )


def _triggers(
    settings: Settings,
    store: Store,
    bus: Bus,
    scheduler: Scheduler,
    is_held: Callable[[], bool],
    metrics: ClockworkMetrics,
) -> Triggers:
    handlers = Handlers(
        store.triggers,
        TasksBindings(bus, scheduler.directory),
        scheduler.directory,
        scheduler.discovery,
        timeout_s=settings.trigger_timeout_s,
    )
    life = scheduler.life
    return Triggers(
        store.triggers,
        store.nodes,
        handlers,
        SystemClock(),
        NodeNow(lambda: life.node_id, settings.node, is_held),
        patterns=Patterns(
            settings.databases_account_pattern,
            settings.databases_account_mod_pattern,
            settings.databases_system_pattern,
        ),
        missed_policy=settings.trigger_missed,
        interval_s=lambda: scheduler.run_time.current.browse_dbs_interval_s,
        observer=metrics,
    )


def _schedules(
    store: Store,
    scheduler: Scheduler,
    is_held: Callable[[], bool],
    quota: TaskQuota,
    metrics: ClockworkMetrics,
) -> Schedules:
    async def start(task_id: str) -> str | None:
        answer = await scheduler.operations.start(task_id)
        if isinstance(answer, Task) or answer is StartRefusal.ALREADY_STARTED:
            return None
        return answer.value

    return Schedules(
        store,
        SystemClock(),
        node_id=lambda: scheduler.life.node_id,
        is_held=is_held,
        start=start,
        permit=quota.permit,
        dealt_with=metrics.dealt_with,
    )
