"""What goes in and out of the store beside tasks and log records."""

from __future__ import annotations

from dataclasses import dataclass

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import AttachedFile, OutputFile


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What people see of a running task; a projection of its log that may lag behind."""

    failed: int
    succeeded: int
    waiting_for: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """What an owner has to know of a task of its own: whether it still is, and is to go on."""

    epoch: int
    stop_requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The fields that make a task final."""

    status: TaskStatus
    ended_at: int
    failed: int | None
    succeeded: int | None
    output: OutputFile | None
    reason: str | None
    attached: AttachedFile | None = None
    is_cleanup_due: bool = True
    """The cleanup hook is to be called from then on, until it was."""


@dataclass(frozen=True, slots=True)
class PageKey:
    """Where a page of the list of tasks begins: newest first, ties by id."""

    created: int
    task_id: str


@dataclass(frozen=True, slots=True)
class Node:
    """A scheduler process and its heartbeat counter."""

    node_id: str
    name: str
    beat: int
