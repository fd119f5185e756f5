"""What the front is given: a store, a way to a scheduler, settings and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kztasks.csvio import CsvLimits
from kztasks.kazoo.messages import TaskJson
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from kztasks.store.interface import Store
from tasks_bindings.wire.messages import Help


class Scheduler(Protocol):
    """Whoever runs tasks, as the front sees it; `kztasks.kazoo.client` asks one over the bus.

    Each method raises `SchedulerUnavailable` when nobody answers.
    """

    @property
    def is_ready(self) -> bool:
        """Whether requests can be sent at present."""
        ...

    async def lookup(self, category: str | None = None, action: str | None = None) -> Help:
        """The tasks that can be run now; `None` means all. Empty for what is not known."""
        ...

    async def start(self, task_id: str) -> TaskJson | StartRefusal:
        """Run a pending task."""
        ...

    async def stop(self, task_id: str) -> TaskJson | StopRefusal:
        """Stop an executing task."""
        ...

    async def remove(self, task_id: str) -> TaskJson | RemoveRefusal:
        """Delete a task that does not execute."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Limits and names of the front.

    Args:
        node: this node's name, such as `kztasks@host`; clients see its hash only.
        max_upload_bytes: the largest CSV that is accepted.
        max_json_bytes: the largest JSON body; it is held in memory, unlike a CSV.
        csv: limits on rows, columns and cells of an upload.
        page_size: tasks on a page of the list, unless the client says.
        max_page_size: the most that a client may ask for.
    """

    node: str
    max_upload_bytes: int = 2 * 1024**3
    max_json_bytes: int = 8_000_000
    csv: CsvLimits = field(default_factory=CsvLimits)
    page_size: int = 50
    max_page_size: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    """Everything that the front needs from outside. `clock` gives Unix seconds."""

    store: Store
    scheduler: Scheduler
    settings: ApiSettings
    clock: Callable[[], float] = time.time
