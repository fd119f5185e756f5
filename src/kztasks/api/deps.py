"""What the front is given: a store, a way to a scheduler, settings and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kztasks.api.config import ApiSettings
from kztasks.kazoo.messages import TaskJson
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from kztasks.store.interface import Store
from tasks_bindings.wire.messages import Help, Metadata
from tasks_bindings.wire.verification import Verify, VerifyReply

__all__ = ["ApiDeps", "ApiSettings", "Beside", "Scheduler", "Verifier"]


class Scheduler(Protocol):
    """Whoever runs tasks, as the front sees it; `kztasks.kazoo.client` asks one over the bus.

    Each method raises `SchedulerUnavailable` when nobody answers.
    """

    @property
    def is_ready(self) -> bool:
        """Whether requests can be sent at present."""
        ...

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes no messages at present."""
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


class Beside(Protocol):
    """What else runs in this process and has no front of its own; `kztasks dev` has a scheduler."""

    def metrics(self) -> bytes:
        """Its counters, as Prometheus reads them."""
        ...

    async def checks(self) -> Mapping[str, str]:
        """`ok`, or what is wrong, for each of its parts."""
        ...


class Verifier(Protocol):
    """Apps as the front sees them; `tasks_bindings.verify` asks them over the bus.

    Each method raises `BusError` when none answers, and `WireError` when it answers nonsense.
    """

    async def app_for(self, category: str, action: str, metadata: Metadata) -> str | None:
        """The app to have rows of an action verified by; `None` where none of its apps can."""
        ...

    async def verify(self, app: str, request: Verify) -> VerifyReply:
        """Have rows verified, one at least; `MessageTooLarge` where they do not fit a message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDeps:
    """Everything that the front needs from outside. `clock` gives Unix seconds."""

    store: Store
    scheduler: Scheduler
    verifier: Verifier
    settings: ApiSettings
    clock: Callable[[], float] = time.time
    beside: Beside | None = None
