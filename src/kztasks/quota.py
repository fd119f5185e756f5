"""How many tasks an account may have: counted by the database once a second at most.

A count is for all that ask while it goes on; it stops at the limit and goes over an index alone.
Where it takes long it is rarer. Between two counts whoever asks counts its own permissions; what
others begin meanwhile, and what ends, shows with the next one. So an account can be over its limit
by what several processes permit between two counts, and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from kztasks.domain.status import TaskStatus
from kztasks.errors import TooManyTasks
from kztasks.store.interface import TaskStore

FRESH_S: Final = 1.0
SHARE: Final = 0.1
"""Counting an account's tasks takes this much of the time at most."""
MOST_KNOWN: Final = 10_000
"""Accounts whose counts are remembered at most."""

EXECUTING: Final = frozenset({TaskStatus.EXECUTING})
UNFINISHED: Final = frozenset({TaskStatus.PENDING, TaskStatus.EXECUTING})


@dataclass(slots=True)
class _Counted:
    at: float
    took_s: float
    tasks: int

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.at <= max(FRESH_S, self.took_s / SHARE)


class TaskQuota:
    """Permits tasks of an account up to a limit.

    Args:
        tasks: counts them.
        statuses: of the tasks that count.
        most: so many there may be.
    """

    def __init__(self, tasks: TaskStore, statuses: Collection[TaskStatus], most: int) -> None:
        self._tasks = tasks
        self._statuses = statuses
        self._most = most
        self._counted: dict[str, _Counted] = {}
        self._counting: dict[str, asyncio.Task[_Counted]] = {}

    async def permit(self, account_id: str) -> None:
        """Permit one more.

        Raises:
            TooManyTasks: there are as many as there may be.
            StoreUnavailable: the database does not answer.
        """
        counted = self._counted.get(account_id)
        if counted is None or not counted.is_fresh:
            counted = await asyncio.shield(
                self._counting.get(account_id) or self._begin(account_id)
            )
        if counted.tasks >= self._most:
            raise TooManyTasks(self._most)
        counted.tasks += 1

    def _begin(self, account_id: str) -> asyncio.Task[_Counted]:
        """Count for all that ask meanwhile; one of them may leave."""
        counting = asyncio.create_task(self._count(account_id))
        self._counting[account_id] = counting
        counting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return counting

    async def _count(self, account_id: str) -> _Counted:
        at = time.monotonic()
        try:
            tasks = await self._tasks.count(account_id, self._statuses, most=self._most)
        finally:
            del self._counting[account_id]
        if len(self._counted) >= MOST_KNOWN:
            self._counted.clear()
        counted = self._counted[account_id] = _Counted(at, time.monotonic() - at, tasks)
        return counted
