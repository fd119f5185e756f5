"""What the parts of a scheduler share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kztasks.run_time import RunTimeSettings
from kztasks.scheduler.attach import Attacher
from kztasks.scheduler.exchange import Exchange
from kztasks.scheduler.gate import TurnGate
from kztasks.scheduler.memory import RowMemory
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.paces import Paces
from kztasks.scheduler.room import Room
from kztasks.settings import Settings
from kztasks.store.interface import Store
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.directory import Directory


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
    paces: Paces
    metrics: SchedulerMetrics
    room: Room
    exchange: Exchange
    attacher: Attacher
    now: Callable[[], int]
