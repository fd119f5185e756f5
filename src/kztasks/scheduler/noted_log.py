"""The log of one task, with an eye on how its writes go: for metrics, and for people who wait.

A log that was begun here and is still small is kept in memory as well, so that nothing of a small
task is read back: what is kept are the records that the database has confirmed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

from kztasks.domain.log import LogRecord, RecordKind
from kztasks.errors import StoreFull, StoreUnavailable
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.room import Room
from kztasks.store.interface import LogStore

KEPT_BYTES: Final = 16 * 1024
"""A log is kept in memory as long as its records take no more than about this."""
RECORD_BYTES: Final = 512
"""What a record takes beside its output and `Data`, about."""
SHOWN_AFTER_S: Final = 1.0
"""A write that was not confirmed for so long is something that the task waits for."""


class NotedLog:
    """`LogStore`, of one task alone.

    Args:
        log: does the work.
        metrics: told what comes of it.
        room: told when the database has none.
        is_rescue: whether the task was taken from a dead scheduler, which may have run the rows
            that come next.
    """

    def __init__(
        self, log: LogStore, metrics: SchedulerMetrics, room: Room, *, is_rescue: bool
    ) -> None:
        self._log = log
        self._metrics = metrics
        self._room = room
        self._may_have_run = is_rescue
        self._rows = 0
        self._failed_since: float | None = None
        self._is_full = False
        self._kept: list[LogRecord] | None = []
        self._kept_bytes = 0

    @property
    def waiting_for(self) -> str | None:
        """What a record that cannot be stored waits for, for people."""
        if self._failed_since is None or time.monotonic() - self._failed_since < SHOWN_AFTER_S:
            return None
        return "room in the database" if self._is_full else "the database"

    async def append(self, record: LogRecord) -> LogRecord:
        """Insert a record; see `LogStore.append`."""
        try:
            committed = await self._log.append(record)
        except StoreUnavailable as error:
            self._metrics.unknown_writes.inc()
            self._failed_since = self._failed_since or time.monotonic()
            self._is_full = isinstance(error, StoreFull)
            self._room.refused(self, error)
            raise
        self.close()
        self._count(record, committed)
        self._keep(committed)
        return committed

    async def head(self, task_id: str) -> LogRecord | None:
        """The last record."""
        head = await self._log.head(task_id)
        if head is not None:
            self._rows = head.row
            self._kept = None  # what stands before it was written by others
        return head

    async def records(self, task_id: str) -> AsyncIterator[LogRecord]:
        """All records in order; from memory as far as they are kept."""
        if self._kept:
            for record in self._kept:
                yield record
            return
        async for record in self._log.records(task_id):
            yield record

    def close(self) -> None:
        """Nothing is waiting to be written any more."""
        self._failed_since = None
        self._room.freed(self)

    def _keep(self, record: LogRecord) -> None:
        if self._kept is None:
            return
        self._kept_bytes += RECORD_BYTES + len(record.output) + len(record.data or "")
        if record.seq == len(self._kept) and self._kept_bytes <= KEPT_BYTES:
            self._kept.append(record)
        else:
            self._kept = None

    def _count(self, record: LogRecord, committed: LogRecord) -> None:
        rows, self._rows = committed.row - self._rows, committed.row
        if committed.sha != record.sha:
            self._metrics.adoptions.inc()
        elif record.kind is RecordKind.BATCH:
            self._metrics.batches.inc()
            self._metrics.rows.inc(rows)
            if self._may_have_run:
                self._metrics.rerun_rows.inc(rows)
        self._may_have_run = False
