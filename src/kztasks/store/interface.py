"""What the service needs of its database, without the driver. One class implements it all.

Everything here is written for single-document atomicity and string ids alone. A write whose answer
was lost raises `StoreUnavailable` and may be repeated: each is idempotent, or is decided by the
unique id of the document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

from kztasks.domain.log import LogRecord
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.store.access import (
    AccountStore,
    AuditStore,
    IdempotencyStore,
    SigningKeyStore,
)
from kztasks.store.access_records import Account
from kztasks.store.aftermath import AftermathStore
from kztasks.store.file_store import Download, FileStore, Upload
from kztasks.store.filters import EVERYTHING, TaskFilter
from kztasks.store.records import Ending, Held, Node, PageKey, View
from kztasks.store.retention import RetentionStore
from kztasks.store.schedules import ScheduleStore
from kztasks.store.triggers import TriggerStore

__all__ = [
    "Account",
    "AccountStore",
    "AuditStore",
    "Download",
    "Ending",
    "FileStore",
    "Held",
    "IdempotencyStore",
    "LogStore",
    "Node",
    "NodeStore",
    "PageKey",
    "RetentionStore",
    "ScheduleStore",
    "SigningKeyStore",
    "Store",
    "TaskFilter",
    "TaskStore",
    "TriggerStore",
    "Upload",
    "View",
]


class TaskStore(Protocol):
    """Task documents. Only `claim`, `take_over`, `finish` and `delete` change what a task is."""

    async def insert(self, task: Task) -> None:
        """Store a new pending task; repeating it with the same id changes nothing."""
        ...

    async def get(self, task_id: str, account_id: str | None = None) -> Task | None:
        """The task, if it exists and, where given, belongs to the account."""
        ...

    async def page(
        self,
        account_id: str,
        *,
        limit: int,
        start: PageKey | None,
        where: TaskFilter = EVERYTHING,
    ) -> list[Task]:
        """Tasks of an account, newest first, from `start` on (inclusive), `limit` at most."""
        ...

    async def claim(self, task_id: str, *, node: str, worker: str, now: int) -> Task | None:
        """Pending to executing, owned by `node` with epoch 1; `None` when it was not pending.

        One caller alone gets the task, also when an answer is lost and the call repeated.

        Args:
            task_id: the task.
            node: id of the claiming scheduler process.
            worker: its name for people (`pvt_worker_node`).
            now: Gregorian seconds, the start time.
        """
        ...

    async def take_over(
        self, task_id: str, *, lost: str | None, epoch: int, node: str, worker: str
    ) -> Task | None:
        """An executing task from owner (`lost`, `epoch`) to (`node`, `epoch` + 1).

        `lost` is `None` for a released task. `None` is returned when somebody else was first.
        One caller alone gets the task, also when an answer is lost and the call repeated.
        Counts a rescue unless the task had been released.
        """
        ...

    def gained(self) -> AsyncIterator[Task]:
        """Tasks that `claim` or `take_over` won here although the call raised `StoreUnavailable`.

        Whoever called may not repeat it, and nobody else takes a task from an owner that lives.
        Each is given once.
        """
        ...

    async def release(self, task_id: str, *, node: str, epoch: int) -> bool:
        """Give an executing task back, so that any scheduler may take it at once."""
        ...

    async def owners(self) -> frozenset[str]:
        """Nodes that own an executing task, alive or not.

        Who removes a dead node may die before it has taken the tasks over: an owner that
        `NodeStore.all` does not list is dead too.
        """
        ...

    async def owned_by(self, node: str | None, *, limit: int) -> list[Task]:
        """Executing tasks of an owner; `None` = released ones."""
        ...

    async def held_by(self, node: str, task_ids: Collection[str]) -> dict[str, Held]:
        """Which of these tasks an owner executes, in one question; by their ids."""
        ...

    async def count(self, account_id: str, statuses: Collection[TaskStatus], *, most: int) -> int:
        """How many tasks of an account have one of the statuses; counts no further than `most`."""
        ...

    async def request_stop(self, task_id: str) -> Task | None:
        """Ask the owner to stop; the task as it is then, `None` when it is not executing."""
        ...

    async def refresh(self, task_id: str, *, node: str, epoch: int, view: View) -> Task | None:
        """Write the view and read the task (stop request!); `None` when no longer the owner."""
        ...

    async def finish(self, task_id: str, *, epoch: int, ending: Ending) -> bool:
        """Executing to final, if `epoch` is still the owner's.

        Returns:
            Whether the task now ends by `ending`; true again when the call is repeated.
        """
        ...

    async def delete(self, task_id: str) -> Task | None:
        """Remove a task that does not execute, with files and log; `None` if executing or gone.

        Whatever a crash in between leaves behind is found by `RetentionStore.loose_ends`.
        """
        ...


class LogStore(Protocol):
    """The commit log. `append` is the commit point of a task."""

    async def append(self, record: LogRecord) -> LogRecord:
        """Insert the record under its task and seq.

        Returns:
            The record itself, or the one that somebody else inserted first under that seq.

        Raises:
            StoreUnavailable: unknown whether it was inserted; call again with the same record.
            Invalid: the record is larger than any database takes.
        """
        ...

    async def head(self, task_id: str) -> LogRecord | None:
        """The last record."""
        ...

    def records(self, task_id: str) -> AsyncIterator[LogRecord]:
        """All records in order."""
        ...


class NodeStore(Protocol):
    """Heartbeats of scheduler processes."""

    async def register(self, node_id: str, name: str) -> None:
        """Begin to be alive."""
        ...

    async def beat(self, node_id: str) -> bool:
        """Count one up; false when others have declared this node dead."""
        ...

    async def all(self) -> list[Node]:
        """Every node that has not been removed."""
        ...

    async def remove(self, node_id: str) -> bool:
        """Declare a node dead, or leave; whether this call removed it."""
        ...


class Store(Protocol):
    """The database as a whole."""

    @property
    def tasks(self) -> TaskStore:
        """Task documents."""
        ...

    @property
    def log(self) -> LogStore:
        """The commit log."""
        ...

    @property
    def files(self) -> FileStore:
        """Attachments."""
        ...

    @property
    def nodes(self) -> NodeStore:
        """Heartbeats."""
        ...

    @property
    def triggers(self) -> TriggerStore:
        """Triggers and their firings."""
        ...

    @property
    def schedules(self) -> ScheduleStore:
        """Schedules and what became of their moments."""
        ...

    @property
    def accounts(self) -> AccountStore:
        """Accounts and what acts for them."""
        ...

    @property
    def signing_keys(self) -> SigningKeyStore:
        """What tokens are signed with."""
        ...

    @property
    def audit(self) -> AuditStore:
        """Who did what."""
        ...

    @property
    def idempotency(self) -> IdempotencyStore:
        """Requests that must not be carried out twice."""
        ...

    @property
    def aftermath(self) -> AftermathStore:
        """What is still to be done for tasks that have ended."""
        ...

    @property
    def retention(self) -> RetentionStore:
        """What was kept for long enough, and what was left behind."""
        ...

    async def prepare(self) -> None:
        """Create indexes and check that the unique ones are there.

        Raises:
            Misconfigured: an index that safety rests on cannot be had.
        """
        ...

    async def ping(self) -> None:
        """Ask whether the database answers.

        Raises:
            StoreUnavailable: it does not.
        """
        ...

    async def run_time_settings(self) -> Mapping[str, object]:
        """The settings document that operators change while the service runs; empty if none."""
        ...

    async def set_run_time_settings(self, values: Mapping[str, object]) -> None:
        """Merge values into the settings document.

        Raises:
            Invalid: a name is empty, `_id`, begins with `$`, or has a dot in it.
        """
        ...

    async def close(self) -> None:
        """Let go of the driver's connections."""
        ...
