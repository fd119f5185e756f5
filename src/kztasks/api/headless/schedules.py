"""Schedules of an account: made, read, paused, resumed, run now, removed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kztasks.api.access import Access
from kztasks.api.audit import Auditor
from kztasks.api.catalogue import Catalogue
from kztasks.api.creation import Creator
from kztasks.api.deps import ApiDeps
from kztasks.api.headless.refusals import FiringRefused, TooManySchedules, UnknownSchedule
from kztasks.api.refusals import BadField
from kztasks.api.submission import Body
from kztasks.domain.gregorian import from_unix
from kztasks.domain.schedule import (
    Missed,
    Overlap,
    RunRecord,
    Schedule,
    asked_for,
    paused,
    resumed,
)
from kztasks.domain.task import new_task_id
from kztasks.domain.timing import Timing
from kztasks.errors import Invalid, KztasksError, Unavailable
from kztasks.store.interface import Store

MOST_SCHEDULES: Final = 1_000
"""Schedules that an account may have."""
MOST_RECORDS: Final = 100
UPCOMING: Final = 10
MOST_TRIES: Final = 10
"""So often a change is tried anew that came at the same moment as another one."""

_SCHEDULE_ID: Final = re.compile(r"[0-9a-f]{30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOrder:
    """What a client wants to be made, and when."""

    category: str | None
    action: str | None
    timing: Timing
    name: str | None
    overlap: Overlap
    missed: Missed


class ScheduleService:
    """Schedules in the store; schedulers act on them within a second."""

    def __init__(
        self, deps: ApiDeps, catalogue: Catalogue, creator: Creator, audit: Auditor
    ) -> None:
        self._store: Store = deps.store
        self._clock = deps.clock
        self._catalogue = catalogue
        self._creator = creator
        self._audit = audit

    async def create(self, access: Access, order: ScheduleOrder, body: Body) -> Schedule:
        """Store a new schedule and the input of its tasks, checked as that of a task is.

        Raises:
            MissingKind: no category or no action.
            UnknownTaskKind: no app serves them.
            RefusedInput: the input does not fit the action.
            CsvError: the input is no proper CSV.
            Invalid: the body breaks another rule.
            TooManySchedules: the account has as many as it may have.
            Unavailable: a scheduler or the store is silent.
        """
        if order.timing.following(int(self._clock())) is None:
            raise BadField("at", "minimum", "The moment is in the past")
        kind = await self._catalogue.kind(order.category, order.action)
        account_id = access.target.account_id
        there = await self._store.schedules.of_account(account_id, limit=MOST_SCHEDULES)
        if len(there) >= MOST_SCHEDULES:
            raise TooManySchedules(f"{MOST_SCHEDULES} are the most")
        submission = await body.submission()
        schedule_id, now = new_task_id(), int(self._clock())
        stored, rows = await self._creator.store_input(schedule_id, kind.metadata, submission)
        schedule = Schedule(
            id=schedule_id,
            account_id=account_id,
            auth_account_id=access.caller.account_id,
            category=kind.category,
            action=kind.action,
            timing=order.timing,
            created=now,
            name=order.name,
            overlap=order.overlap,
            missed=order.missed,
            input=stored,
            total_rows=rows,
            file_name=submission.file_name,
            next=order.timing.following(now),
        )
        await self._insert(schedule)
        await self._audit.note(access, "schedule_created", task_id=schedule_id)
        return schedule

    async def all(self, access: Access) -> list[Schedule]:
        """Schedules of the target account, newest first."""
        return await self._store.schedules.of_account(
            access.target.account_id, limit=MOST_SCHEDULES
        )

    async def read(self, access: Access, schedule_id: str) -> Schedule:
        """A schedule of the target account.

        Raises:
            UnknownSchedule: it has none with this id.
        """
        found = None
        if _SCHEDULE_ID.fullmatch(schedule_id) is not None:
            found = await self._store.schedules.get(schedule_id, access.target.account_id)
        if found is None:
            raise UnknownSchedule(schedule_id)
        return found

    async def history(self, access: Access, schedule_id: str) -> list[RunRecord]:
        """What became of its last moments, the latest first; raises as `read` does."""
        schedule = await self.read(access, schedule_id)
        return await self._store.schedules.records(schedule.id, limit=MOST_RECORDS)

    async def pause(self, access: Access, schedule_id: str) -> Schedule:
        """Make no more tasks by the clock; raises as `read` does."""
        return await self._change(access, schedule_id, "schedule_paused", paused)

    async def resume(self, access: Access, schedule_id: str) -> Schedule:
        """Go on with the next moment; raises as `read` does."""
        now = int(self._clock())
        return await self._change(
            access, schedule_id, "schedule_resumed", lambda one: resumed(one, now)
        )

    async def run(self, access: Access, schedule_id: str) -> Schedule:
        """Make a task now; raises as `read` does, and `FiringRefused` when too many are waiting."""
        now = int(self._clock())
        try:
            return await self._change(
                access, schedule_id, "schedule_run", lambda one: asked_for(one, now)
            )
        except Invalid:
            raise FiringRefused(schedule_id, "too_many_waiting") from None

    async def remove(self, access: Access, schedule_id: str) -> Schedule:
        """Remove a schedule; its tasks stay. Raises as `read` does."""
        schedule = await self.read(access, schedule_id)
        await self._store.schedules.delete(schedule.id)
        await self._audit.note(access, "schedule_removed", task_id=schedule.id)
        return schedule

    async def _insert(self, schedule: Schedule) -> None:
        try:
            await self._store.schedules.insert(schedule)
        except KztasksError:
            await self._store.schedules.delete(schedule.id)
            raise

    async def _change(
        self,
        access: Access,
        schedule_id: str,
        event: str,
        changed: Callable[[Schedule], Schedule],
    ) -> Schedule:
        for _ in range(MOST_TRIES):
            schedule = changed(await self.read(access, schedule_id))
            if await self._store.schedules.replace(schedule):
                await self._audit.note(access, event, task_id=schedule.id)
                return schedule
        raise Unavailable("the schedule is being changed too often")


def schedule_json(schedule: Schedule, now: float) -> dict[str, object]:
    """A schedule as it is shown; times in Gregorian seconds.

    Args:
        schedule: what to show.
        now: Unix seconds; `next` has the moments after it.
    """
    timing = schedule.timing
    upcoming = [] if schedule.paused else timing.upcoming(int(now), UPCOMING)
    shown: dict[str, object | None] = {
        "id": schedule.id,
        "account_id": schedule.account_id,
        "auth_account_id": schedule.auth_account_id,
        "category": schedule.category,
        "action": schedule.action,
        "name": schedule.name,
        "cron": timing.cron,
        "timezone": timing.timezone if timing.cron is not None else None,
        "at": from_unix(timing.at) if timing.at is not None else None,
        "overlap": schedule.overlap.value,
        "missed": schedule.missed.value,
        "paused": schedule.paused,
        "created": from_unix(schedule.created),
        "file_name": schedule.file_name,
        "total_count": schedule.total_rows,
        "next": [from_unix(moment) for moment in upcoming],
        "waiting": len(schedule.queue),
        "last_task_id": schedule.last_task_id,
    }
    return {name: value for name, value in shown.items() if value is not None}


def record_json(record: RunRecord) -> dict[str, object]:
    """What became of a moment as it is shown; times in Gregorian seconds."""
    shown: dict[str, object | None] = {
        "instant": from_unix(record.instant),
        "outcome": record.outcome.value,
        "at": from_unix(record.at),
        "task_id": record.task_id,
        "reason": record.reason,
        "count": record.count,
    }
    return {name: value for name, value in shown.items() if value is not None}
