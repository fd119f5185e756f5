"""One pass over all that was kept for long enough, and over all that may have been left behind.

Everything is done in small steps that may be repeated, by anybody, and at the same time by several.
What is removed is first written down as a loose end, then given up in the task's document, and then
decided anew from the document; a pass that dies anywhere is completed by a later one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

import structlog

from kztasks.domain.gregorian import from_unix
from kztasks.domain.retention import Part, left_behind, task_ids
from kztasks.settings import Settings
from kztasks.store.interface import Store
from kztasks.store.retention import Due, LooseEnd

_log = structlog.get_logger(__name__)

STEP: Final = 100
"""Tasks, records or entries that are removed in one step."""
PAGE: Final = 500
"""Tasks or loose ends that are asked for at once; the embedded server looks at all to find some."""
MOST_STEPS: Final = 1000
"""Pages or steps of one kind in one pass; what is left is for the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how long things are kept; `None` is for ever."""

    log: timedelta
    log_without_output: timedelta
    files: timedelta | None
    tasks: timedelta | None
    audit: timedelta | None
    grace: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """What the settings say."""
        return cls(
            log=timedelta(hours=settings.retain_log_hours),
            log_without_output=timedelta(days=settings.retain_log_without_output_days),
            files=_days(settings.retain_files_days),
            tasks=_days(settings.retain_tasks_days),
            audit=_days(settings.retain_audit_days),
            grace=timedelta(hours=settings.orphan_grace_hours),
        )

    def due(self, now: datetime) -> list[Due]:
        """What to remove of tasks that have ended, in this order.

        Args:
            now: by the database's clock.
        """
        due = [
            Due(Part.LOG, now - self.log, with_output=True),
            Due(Part.LOG, now - self.log_without_output, with_output=False),
        ]
        if self.files is not None:
            due.append(Due(Part.FILES, now - self.files))
        if self.tasks is not None:
            due.append(Due(Part.TASK, now - self.tasks))
        return due


@dataclass(slots=True)
class Swept:
    """How much was removed: logs, files and documents of so many tasks, and so on.

    `left_behind` counts the loose ends at which something was found that nobody needed.
    """

    logs: int = 0
    files: int = 0
    tasks: int = 0
    left_behind: int = 0
    audit: int = 0

    def add(self, other: Swept) -> None:
        """Count what another pass removed too."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def count(self, part: Part, tasks: int) -> None:
        """Count a part of so many tasks."""
        match part:
            case Part.LOG:
                self.logs += tasks
            case Part.FILES:
                self.files += tasks
            case Part.TASK:
                self.tasks += tasks


class Sweeper:
    """Makes one pass.

    Args:
        store: what to sweep.
        retention: for how long things are kept.
        breathe: awaited between two steps; what it raises ends the pass.
    """

    def __init__(
        self, store: Store, retention: Retention, breathe: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store.retention
        self._files = store.files
        self._retention = retention
        self._breathe = breathe
        self.swept: Final = Swept()
        """What this pass has removed so far."""

    async def due(self, now: datetime) -> Swept:
        """What a pass would remove; of loose ends, how many it would look at."""
        found = Swept()
        for what in self._retention.due(now):
            found.count(what.part, await self._store.count_due(what))
        found.left_behind = await self._store.count_loose_ends(now - self._retention.grace)
        if (before := self._audit_before(now)) is not None:
            found.audit = await self._store.count_audit(before=before)
        return found

    async def sweep(self, now: datetime) -> Swept:
        """Remove what is due.

        Args:
            now: by the database's clock.

        Raises:
            StoreUnavailable: the pass ended early; `swept` says how far it came.
        """
        for what in self._retention.due(now):
            await self._expire(what)
        await self._tie_up(now - self._retention.grace)
        await self._forget_audit(now)
        return self.swept

    async def _expire(self, what: Due) -> None:
        for _ in range(MOST_STEPS):
            due = await self._store.due(what, limit=PAGE)
            for first in range(0, len(due), STEP):
                step = due[first : first + STEP]
                end = await self._store.expire(what, step)
                self.swept.count(what.part, len(step))
                await self._settle(end)
                await self._breathe()
            if len(due) < PAGE:
                return

    async def _settle(self, end: LooseEnd) -> bool:
        """Remove what nobody needs, by the tasks as they are now; whether that was decided."""
        tasks = await self._store.traces(task_ids(end.belongings))
        left = [(one, left_behind(one, tasks.get(one.task_id))) for one in end.belongings]
        for _, one in left:
            for file_id in one.file_ids:
                await self._files.delete(file_id)
        logs = [belongings.task_id for belongings, one in left if one.log]
        while logs and await self._store.remove_log_records(logs, limit=STEP):
            await self._breathe()
        return not any(one.is_open for _, one in left)

    async def _tie_up(self, before: datetime) -> None:
        for _ in range(MOST_STEPS):
            ends = await self._store.loose_ends(before, limit=PAGE)
            await self._sort_out(ends)
            if len(ends) < PAGE:
                return
            await self._breathe()

    async def _sort_out(self, ends: Iterable[LooseEnd]) -> None:
        """Drop those with nothing left, put off those that are open, and handle the others."""
        ends = list(ends)
        tasks = await self._store.traces(task_ids(one for end in ends for one in end.belongings))
        nothing, later = [], []
        for end in ends:
            left = [left_behind(one, tasks.get(one.task_id)) for one in end.belongings]
            if all(one.is_nothing for one in left):
                nothing.append(end)
            elif any(one.is_open for one in left):
                later.append(end)
            else:
                await self._clear(end)
        await self._store.drop(nothing)
        await self._store.postpone(later)

    async def _clear(self, end: LooseEnd) -> None:
        """Remove what is left, and again a grace later: a dead writer may come back to life.

        One that stood still in the middle of a write still writes that much, and no more.
        """
        if not end.is_doomed:
            if not await self._store.doom(end):
                return
            await self._settle(end)
            self.swept.left_behind += 1
            _log.info("left_behind_removed", end=end.end_id, tasks=task_ids(end.belongings)[:10])
        elif await self._settle(end):
            await self._store.drop([end])

    async def _forget_audit(self, now: datetime) -> None:
        before = self._audit_before(now)
        for _ in range(MOST_STEPS if before is not None else 0):
            removed = await self._store.remove_audit(before=before or 0, limit=STEP)
            self.swept.audit += removed
            if removed < STEP:
                return
            await self._breathe()

    def _audit_before(self, now: datetime) -> int | None:
        if self._retention.audit is None:
            return None
        return from_unix((now - self._retention.audit).timestamp())


def _days(days: float | None) -> timedelta | None:
    return timedelta(days=days) if days is not None else None
