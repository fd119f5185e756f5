"""What a scheduler does for Kazoo's API, and the words in which it refuses."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from kztasks.domain.task import Task
from tasks_bindings.wire.messages import Help

UNAVAILABLE: Final = "unavailable"
"""Our own word in a `Reply`, for a request that could not be decided (the store is down)."""


class StartRefusal(StrEnum):
    """Why a task was not started."""

    ALREADY_STARTED = "already_started"
    NOT_FOUND = "not_found"
    TOO_MANY_TASKS = "too_many_tasks"
    """Ours: the account has as many running tasks as it may have."""


class StopRefusal(StrEnum):
    """Why a task was not stopped."""

    NOT_RUNNING = "not_running"
    NOT_FOUND = "not_found"


class RemoveRefusal(StrEnum):
    """Why a task was not removed."""

    TASK_RUNNING = "task_running"
    NOT_FOUND = "not_found"


class Operations(Protocol):
    """The four operations. Each may be asked twice for the same thing, as messages are.

    An error that one of them raises is answered with `unavailable` (a lookup: with no tasks).
    """

    async def lookup(self, category: str | None, action: str | None) -> Help:
        """The tasks that can be run now; `None` means all. Empty for what is not known."""
        ...

    async def start(self, task_id: str) -> Task | StartRefusal:
        """Run a pending task; the task as it is then."""
        ...

    async def stop(self, task_id: str) -> Task | StopRefusal:
        """Stop an executing task; the task as it is then."""
        ...

    async def remove(self, task_id: str) -> Task | RemoveRefusal:
        """Delete a task that does not execute; the task as it was."""
        ...
