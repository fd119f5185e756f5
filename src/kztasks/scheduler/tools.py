"""What the parts of a scheduler share, and how they wait for the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from kztasks.errors import Unavailable
from kztasks.run_time import RunTimeSettings
from kztasks.scheduler.attach import Attacher
from kztasks.scheduler.exchange import Exchange
from kztasks.scheduler.gate import TurnGate
from kztasks.scheduler.memory import RowMemory
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.room import Room
from kztasks.settings import Settings
from kztasks.store.interface import Store
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.directory import Directory

_log = structlog.get_logger(__name__)

T = TypeVar("T")

RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What every task's runner uses. `now` gives Gregorian seconds, for documents alone."""

    settings: Settings
    run_time: Callable[[], RunTimeSettings]
    store: Store
    bindings: TasksBindings
    directory: Directory
    gate: TurnGate
    memory: RowMemory
    metrics: SchedulerMetrics
    room: Room
    exchange: Exchange
    attacher: Attacher
    now: Callable[[], int]


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Do a step, again and again while the store or the bus is away; what it returns at last."""
    while True:
        try:
            return await step()
        except Unavailable as error:
            _log.warning("step_put_off", why=str(error))
            await asyncio.sleep(RETRY_S)
