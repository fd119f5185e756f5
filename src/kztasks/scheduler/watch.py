"""The document of a running task: kept up to date for people, read for a stop request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from kztasks.domain.log import LogRecord
from kztasks.domain.task import Task
from kztasks.errors import OwnershipLost, Unavailable
from kztasks.store.interface import TaskStore, View

_log = structlog.get_logger(__name__)

INTERVAL_S: Final = 1.0
"""The document is written and read this often."""
LEAST_INTERVAL_S: Final = 0.2
"""It is not written more often because of progress, however fast the rows are."""


class TaskWatch:
    """Watches over one task while its rows are run.

    Args:
        task: as claimed by `node`.
        node: id of this scheduler process.
        tasks: the documents.
        on_stop: called once when the document asks to stop.
    """

    def __init__(
        self, task: Task, node: str, tasks: TaskStore, on_stop: Callable[[], None]
    ) -> None:
        self._task = task
        self._node = node
        self._tasks = tasks
        self._on_stop = on_stop
        self._head: LogRecord | None = None
        self._counted = 0
        self._refreshed_at = 0.0
        self._settled = False
        self.waiting_for: str | None = None
        """What the task waits for, for people to see."""

    async def run(self) -> None:
        """Refresh the document until `settle`.

        Raises:
            OwnershipLost: another scheduler has the task now.
        """
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self._refresh()

    async def committed(self, record: LogRecord, *, every: int) -> None:
        """Note progress; writes the document when `every` rows were counted since the last time.

        Raises:
            OwnershipLost: another scheduler has the task now.
        """
        self._head = record
        counted = record.failed + record.succeeded
        waited = time.monotonic() - self._refreshed_at
        if counted - self._counted >= every and waited >= LEAST_INTERVAL_S:
            await self._refresh()

    def settle(self) -> None:
        """From now on the document is about to become final; leave it alone."""
        self._settled = True

    async def _refresh(self) -> None:
        if self._settled:
            return
        head, owner = self._head, self._task.owner
        failed, succeeded = (head.failed, head.succeeded) if head is not None else (0, 0)
        view = View(failed=failed, succeeded=succeeded, waiting_for=self.waiting_for)
        self._refreshed_at, self._counted = time.monotonic(), failed + succeeded
        try:
            seen = await self._tasks.refresh(
                self._task.id, node=self._node, epoch=owner.epoch if owner else 1, view=view
            )
        except Unavailable as error:
            _log.debug("view_not_refreshed", why=str(error))
            return
        if self._settled:
            return
        if seen is None:
            raise OwnershipLost("another scheduler has the task now")
        if seen.stop_requested:
            self._on_stop()
