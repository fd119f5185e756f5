"""When a schedule makes a task, and what becomes of moments at which it does not. Pure.

A moment is fired for once: each change of a schedule is a new version of it, of which the store
takes one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from kztasks.domain.gregorian import from_unix
from kztasks.domain.task import InputFile
from kztasks.domain.timing import Timing
from kztasks.errors import Invalid

ON_TIME_S: Final = 5
"""A moment that is noticed within so many seconds is on time."""
MOST_QUEUED: Final = 100
MOST_COUNTED: Final = 1_000
"""Missed moments are counted up to here."""


class Overlap(StrEnum):
    """What becomes of a moment while the task of an earlier one has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    """Its task is made when the earlier one has ended."""
    ALLOW = "allow"


class Missed(StrEnum):
    """What becomes of a moment at which no scheduler was there."""

    LATE = "late"
    """The last one of them is made up for; the others are recorded."""
    SKIP = "skip"


class RunOutcome(StrEnum):
    """What became of a moment."""

    STARTED = "started"
    NOT_STARTED = "not_started"
    """The task was made, but could not be started; it is pending."""
    NOT_MADE = "not_made"
    """The input is gone, or the account is disabled or has as many tasks as it may have."""
    SKIPPED = "skipped"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """A task that is being made.

    Args:
        instant: for which moment, Unix seconds.
        task_id: of the new task; fixed before it is made, so that it is made once.
        node: the scheduler process that makes it.
        epoch: grows when another one takes over.
    """

    instant: int
    task_id: str
    node: str
    epoch: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Makes tasks of one kind, with the same input each time. Times are Unix seconds.

    Args:
        id: of the schedule.
        version: grows with each change.
        account_id: whose tasks they are.
        auth_account_id: who made the schedule.
        category: of the tasks.
        action: of the tasks.
        timing: when.
        created: when it was made.
        name: for people.
        overlap: see `Overlap`.
        missed: see `Missed`.
        paused: whether moments go by without a task.
        input: the CSV of each task.
        total_rows: rows in it.
        file_name: its name.
        next: the moment that has not been dealt with; `None` after the last one.
        queue: moments whose task is still to be made.
        run: the task that is being made.
        last_task_id: the task that was made last.
    """

    id: str
    version: int = 0
    account_id: str
    auth_account_id: str
    category: str
    action: str
    timing: Timing
    created: int
    name: str | None = None
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.LATE
    paused: bool = False
    input: InputFile | None = None
    total_rows: int | None = None
    file_name: str | None = None
    next: int | None = None
    queue: tuple[int, ...] = ()
    run: ScheduleRun | None = None
    last_task_id: str | None = None

    def is_due(self, now: int) -> bool:
        """Whether anything may be to be done."""
        return self.run is None and bool(
            self.queue or (not self.paused and self.next is not None and self.next <= now)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What became of a moment of a schedule; of several missed ones, one record.

    Args:
        schedule_id: the schedule.
        instant: the moment, Unix seconds; the last one of those that were missed.
        outcome: what became of it.
        at: when that was, Unix seconds.
        task_id: the task that was made.
        reason: why none was, or why it was not started.
        count: how many moments it stands for; `MOST_COUNTED` for that many or more.
    """

    schedule_id: str
    instant: int
    outcome: RunOutcome
    at: int
    task_id: str | None = None
    reason: str | None = None
    count: int = 1

    @property
    def id(self) -> str:
        """Unique, so that a moment has one record."""
        return f"{self.schedule_id}@{from_unix(self.instant)}"


@dataclass(frozen=True, slots=True)
class Step:
    """The next version of a schedule, and what is to be recorded once the store has taken it."""

    schedule: Schedule
    records: tuple[RunRecord, ...] = ()


def step(schedule: Schedule, now: int, *, is_busy: bool, run: ScheduleRun) -> Step | None:
    """What is to be done about a schedule of which no task is being made; `None` for nothing.

    Args:
        schedule: as it is in the store.
        now: Unix seconds.
        is_busy: whether the task that it made last has not ended.
        run: who would make a task; its moment is set here.
    """
    if schedule.run is not None:
        return None
    noticed, records = _notice(schedule, now, is_busy=is_busy)
    may_run = schedule.overlap is Overlap.ALLOW or not is_busy
    if noticed.queue and may_run:
        first, *others = noticed.queue
        noticed = replace(noticed, queue=tuple(others), run=replace(run, instant=first))
    if noticed == schedule:
        return None
    return Step(replace(noticed, version=schedule.version + 1), records)


def ended(schedule: Schedule) -> Schedule:
    """The next version after the task was made."""
    made = schedule.run
    task_id = made.task_id if made is not None else schedule.last_task_id
    return replace(schedule, version=schedule.version + 1, run=None, last_task_id=task_id)


def taken_over(schedule: Schedule, node: str) -> Schedule:
    """The next version when another scheduler goes on making the task."""
    run = schedule.run
    if run is not None:
        run = replace(run, node=node, epoch=run.epoch + 1)
    return replace(schedule, version=schedule.version + 1, run=run)


def paused(schedule: Schedule) -> Schedule:
    """The next version that makes no tasks, but for those that are asked for."""
    return replace(schedule, version=schedule.version + 1, paused=True)


def resumed(schedule: Schedule, now: int) -> Schedule:
    """The next version that goes on with the next moment; none that went by is made up for."""
    upcoming = schedule.timing.following(now)
    return replace(schedule, version=schedule.version + 1, paused=False, next=upcoming)


def asked_for(schedule: Schedule, now: int) -> Schedule:
    """The next version that makes a task now, or when an earlier one allows it.

    Raises:
        Invalid: as many are waiting already as may be.
    """
    if len(schedule.queue) >= MOST_QUEUED:
        raise Invalid(f"{MOST_QUEUED} tasks of this schedule are waiting already")
    instant = max((now, *(one + 1 for one in schedule.queue)))
    queue = (*schedule.queue, instant)
    return replace(schedule, version=schedule.version + 1, queue=queue)


def _notice(
    schedule: Schedule, now: int, *, is_busy: bool
) -> tuple[Schedule, tuple[RunRecord, ...]]:
    """Deal with the moments that have come: queue the last one, record all others."""
    due = schedule.next
    if schedule.paused or due is None or due > now:
        return schedule, ()
    newest = max(due, schedule.timing.newest(now) or due)
    after = replace(schedule, next=schedule.timing.following(newest))
    missed, last_missed = _missed(schedule, due, newest)
    if now - newest > ON_TIME_S and schedule.missed is Missed.SKIP:
        record = _gone(schedule, newest, now, missed + 1)
        return after, (record,)
    records = (_gone(schedule, last_missed, now, missed),) if missed else ()
    refusal = _refusal(schedule, is_busy=is_busy)
    if refusal is not None:
        skipped = RunRecord(
            schedule_id=schedule.id,
            instant=newest,
            outcome=RunOutcome.SKIPPED,
            at=now,
            reason=refusal,
        )
        return after, (*records, skipped)
    return replace(after, queue=(*schedule.queue, newest)), records


def _refusal(schedule: Schedule, *, is_busy: bool) -> str | None:
    """Why a moment that is on time gets no task."""
    if schedule.overlap is Overlap.SKIP and (is_busy or schedule.queue):
        return "the task of an earlier moment has not ended"
    if len(schedule.queue) >= MOST_QUEUED:
        return f"{MOST_QUEUED} tasks are waiting already"
    return None


def _missed(schedule: Schedule, due: int, newest: int) -> tuple[int, int]:
    """How many moments from `due` on are before `newest`, and the last one of them."""
    count, last, moment = 0, due, due
    while moment < newest and count < MOST_COUNTED:
        count, last = count + 1, moment
        moment = schedule.timing.following(moment) or newest
    if moment < newest:
        last = schedule.timing.newest(newest - 1) or last
    return count, last


def _gone(schedule: Schedule, instant: int, now: int, count: int) -> RunRecord:
    return RunRecord(
        schedule_id=schedule.id,
        instant=instant,
        outcome=RunOutcome.MISSED,
        at=now,
        reason="no scheduler was there",
        count=min(count, MOST_COUNTED),
    )
