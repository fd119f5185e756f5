"""What is removed of tasks that have ended, and what may be removed of what was left behind. Pure.

Whatever is to be removed is first written down as `Belongings` of its task. What then really goes
is decided by the task as it is at that moment, so a note may be wrong, old, or handled twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What a task consists of, each with a time of its own for which it is kept."""

    LOG = "log"
    FILES = "files"
    TASK = "task"
    """The document, with whatever else is left."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """What was stored for a task, whether or not it knows of it: files, and perhaps its log."""

    task_id: str
    file_ids: tuple[str, ...] = ()
    log: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """A task as far as it decides on what belongs to it.

    Args:
        is_final: whether it has ended; what does not belong to it now, never will.
        file_ids: the files that its document points to.
        is_log_removed: whether its log may go.
    """

    is_final: bool
    file_ids: frozenset[str]
    is_log_removed: bool


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What of some belongings nobody needs.

    Args:
        file_ids: files to remove.
        log: whether to remove the log.
        is_open: whether it cannot be told yet, as the task may still come to need it.
    """

    file_ids: tuple[str, ...] = ()
    log: bool = False
    is_open: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to remove, now or later."""
        return not (self.file_ids or self.log or self.is_open)


def left_behind(belongings: Belongings, task: Trace | None) -> LeftBehind:
    """What of a task's belongings may go; nothing while the task is pending or executing.

    Args:
        belongings: what was written down.
        task: the task as it is now; `None` if there is none.
    """
    if task is None:
        return LeftBehind(belongings.file_ids, log=belongings.log)
    unknown = tuple(one for one in belongings.file_ids if one not in task.file_ids)
    if not task.is_final:
        return LeftBehind(is_open=bool(unknown))
    return LeftBehind(unknown, log=belongings.log and task.is_log_removed)


def owner_of(file_id: str) -> str:
    """The task that a file was stored for: the ids of its files begin with its own."""
    return file_id.replace(".", "/").partition("/")[0]


def task_ids(belongings: Iterable[Belongings]) -> list[str]:
    """The tasks, each once."""
    return list(dict.fromkeys(one.task_id for one in belongings))
