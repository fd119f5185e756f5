"""What a scheduler lets others see of it: its metrics, its health, and its pulse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from kztasks.scheduler.gate import TurnGate
from kztasks.scheduler.health import SchedulerHealth
from kztasks.scheduler.janitor import Janitor
from kztasks.scheduler.memory import RowMemory
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.nodes import NodeLife
from kztasks.scheduler.readings import Readings
from kztasks.scheduler.room import Room
from kztasks.scheduler.vitals import Vitals
from kztasks.store.interface import Store
from tasks_bindings.bus import Bus


class Insight:
    """Knows how one scheduler is.

    Args:
        bus: the way to the broker.
        store: the database.
        life: its heartbeat.
        parts: the loops that should run for ever.
    """

    def __init__(
        self, bus: Bus, store: Store, life: NodeLife, parts: Callable[[], list[asyncio.Task[None]]]
    ) -> None:
        self._bus = bus
        self._life = life
        self._parts = parts
        self.is_leaving = False
        self.metrics: Final = SchedulerMetrics()
        self.room: Final = Room()
        self.health: Final = SchedulerHealth(
            bus,
            store,
            life,
            self.room,
            dead_parts=self._dead_parts,
            is_leaving=lambda: self.is_leaving,
        )

    def read_out(
        self,
        running: Callable[[], int],
        dropped: Callable[[], int],
        gate: TurnGate,
        memory: RowMemory,
        janitor: Janitor,
        requests: Callable[[], Mapping[str, int]],
    ) -> None:
        """Let the metrics say too what the parts know by themselves."""
        readings = Readings(running, self._bus, dropped, gate, memory, janitor, requests)
        self.metrics.registry.register(readings)

    async def feel_pulse(self) -> None:
        """Until cancelled."""
        await Vitals(
            self.metrics,
            is_fenced=lambda: self._life.is_fenced,
            is_blocked=lambda: self._bus.health.blocked,
        ).run()

    def _dead_parts(self) -> list[str]:
        ended = [one.get_coro() for one in self._parts() if one.done()]
        return [] if self.is_leaving else [getattr(one, "__qualname__", "?") for one in ended]
