"""The status of a task, decided from its times and counts (seed, "Task statuses")."""

from __future__ import annotations

from enum import StrEnum


class TaskStatus(StrEnum):
    """The seed's six statuses, and `stopped`, which the original has as well."""

    PENDING = "pending"
    EXECUTING = "executing"
    SUCCESS = "success"
    FAILURE = "failure"
    PARTIAL = "partial"
    STOPPED = "stopped"
    INTERNAL_ERROR = "internal_error"

    @property
    def is_final(self) -> bool:
        """Whether the task has ended, however."""
        return self not in {TaskStatus.PENDING, TaskStatus.EXECUTING}


def final_status(*, total: int | None, failed: int, succeeded: int) -> TaskStatus:
    """The status of a task that ran to its end.

    Args:
        total: rows of the input; `None` for a task without input.
        failed: rows counted as failed.
        succeeded: rows counted as succeeded; may be over `total`, as an action may write more
            rows than it was given.

    Returns:
        The first rule of the original's table that fits; `internal_error` where none does.
    """
    if total is None:
        return _without_input(failed, succeeded)
    if failed == 0 and succeeded >= total > 0:
        return TaskStatus.SUCCESS
    if failed == total > 0 and succeeded == 0:
        return TaskStatus.FAILURE
    if failed < total and succeeded < total:
        return TaskStatus.PARTIAL
    return TaskStatus.INTERNAL_ERROR


def _without_input(failed: int, succeeded: int) -> TaskStatus:
    if failed == 0:
        return TaskStatus.SUCCESS
    return TaskStatus.FAILURE if succeeded == 0 else TaskStatus.PARTIAL
