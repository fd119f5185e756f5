"""Errors of the service, as one tree. `code` is stable; the HTTP front alone knows statuses.

KztasksError
├── NotFound               no such task, account, file, category or action for this caller
├── Conflict               the task is in a state that forbids the request
├── Invalid                the request itself is wrong; carries what to tell the client
├── Unavailable            the store, the bus or a scheduler does not answer; try again
│   ├── StoreUnavailable
│   │   └── StoreFull      it has no room for what is to be written
│   ├── SchedulerUnavailable
│   ├── SchedulerFull      this one runs as many tasks as it may; another one may have room
│   └── AppUnavailable
├── TooManyTasks           the account has as many tasks as it may have
├── OwnershipLost          another scheduler owns the task now; only saves work, decides nothing
├── LogBroken              the commit log of a task has a gap or a wrong checksum
└── Misconfigured          a setting or the store's set-up forbids to start
"""

from __future__ import annotations

from typing import ClassVar


class KztasksError(Exception):
    """Root of the service's errors."""

    code: ClassVar[str] = "kztasks_error"


class NotFound(KztasksError):
    """There is no such task, account, file, category or action for this caller."""

    code = "not_found"


class Conflict(KztasksError):
    """The task is in a state that forbids the request."""

    code = "conflict"


class Invalid(KztasksError):
    """The request is wrong; the text names the field and the rule."""

    code = "invalid"


class Unavailable(KztasksError):
    """A part that is needed does not answer; the same request may work later."""

    code = "unavailable"


class StoreUnavailable(Unavailable):
    """The database does not answer, or did not say whether it took a write."""

    code = "store_unavailable"


class StoreFull(StoreUnavailable):
    """The database has no room left; it takes the same write when there is some."""

    code = "store_full"


class SchedulerUnavailable(Unavailable):
    """No scheduler answered over the bus."""

    code = "scheduler_unavailable"


class SchedulerFull(Unavailable):
    """This scheduler runs as many tasks as it may; the same request may get to another one."""

    code = "scheduler_full"


class AppUnavailable(Unavailable):
    """No app that serves the action answered over the bus."""

    code = "app_unavailable"


class TooManyTasks(KztasksError):
    """The account has as many tasks of a kind as it may have: `most`."""

    code = "too_many_tasks"

    def __init__(self, most: int) -> None:
        super().__init__(f"the account has {most} tasks of this kind, and may have no more")
        self.most = most


class OwnershipLost(KztasksError):
    """Another scheduler owns the task now."""

    code = "ownership_lost"


class LogBroken(KztasksError):
    """The commit log of a task has a gap or a checksum that does not fit."""

    code = "log_broken"


class Misconfigured(KztasksError):
    """A setting, or what is found in the database, forbids to start."""

    code = "misconfigured"
