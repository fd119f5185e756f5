"""The document of a running task: kept up to date for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from kztasks.domain.log import LogRecord
from kztasks.domain.task import Task
from kztasks.errors import OwnershipLost, Unavailable
from kztasks.store.interface import TaskStore, View
from tasks_bindings.crash_points import reached

_log = structlog.get_logger(__name__)

LEAST_INTERVAL_S: Final = 0.2
"""It is not written more often because of progress, however fast the rows are."""


class TaskWatch:
    """Writes what people see of one task while its rows are run.

    Args:
        task: as claimed by `node`.
        node: id of this scheduler process.
        tasks: the documents.
        waiting_for: what the task waits for now.
    """

    def __init__(
        self, task: Task, node: str, tasks: TaskStore, waiting_for: Callable[[], str | None]
    ) -> None:
        self._task = task
        self._node = node
        self._tasks = tasks
        self._waiting_for = waiting_for
        self._written = (task.failed or 0, task.succeeded or 0, task.waiting_for)
        self._counts = self._written[:2]
        self.refreshed_at = 0.0
        """Monotonic seconds."""
        self.is_settled = False
        """The document is final, or about to be; it is left alone."""

    @property
    def is_due(self) -> bool:
        """Whether there is something that the document does not say."""
        return not self.is_settled and (*self._counts, self._waiting_for()) != self._written

    async def committed(self, record: LogRecord, *, every: int) -> None:
        """Note progress; writes the document when `every` rows were counted since the last time.

        Raises:
            OwnershipLost: another scheduler has the task now.
        """
        self._counts = (record.failed, record.succeeded)
        counted = sum(self._counts) - sum(self._written[:2])
        if counted >= every and time.monotonic() - self.refreshed_at >= LEAST_INTERVAL_S:
            await self.refresh()

    def settle(self) -> None:
        """From now on the document is about to become final; leave it alone."""
        self.is_settled = True

    async def refresh(self) -> None:
        """Write the document.

        Raises:
            OwnershipLost: another scheduler has the task now.
        """
        owner, now = self._task.owner, (*self._counts, self._waiting_for())
        view = View(failed=now[0], succeeded=now[1], waiting_for=now[2])
        self.refreshed_at = time.monotonic()
        reached("view:asked")
        try:
            seen = await self._tasks.refresh(
                self._task.id, node=self._node, epoch=owner.epoch if owner else 1, view=view
            )
        except Unavailable as error:
            _log.debug("view_not_refreshed", why=str(error))
            return
        if seen is None and not self.is_settled:
            raise OwnershipLost("another scheduler has the task now")
        reached("view:stored")
        self._written = now
