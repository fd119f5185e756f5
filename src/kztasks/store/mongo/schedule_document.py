"""How schedules and the records of their moments stand in their collections."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from kztasks.domain.gregorian import from_unix, to_unix
from kztasks.domain.schedule import Missed, Overlap, RunOutcome, RunRecord, Schedule, ScheduleRun
from kztasks.domain.timing import Timing
from kztasks.store.mongo.task_document import InputDocument, input_document, input_file


class RunningDocument(TypedDict):
    """`ScheduleRun`; `instant` in Gregorian seconds."""

    instant: int
    task_id: str
    node: str
    epoch: int


class ScheduleDocument(TypedDict):
    """`Schedule`; times in Gregorian seconds, what is undefined is null.

    `wakes` is the time from which on there is something to do, so that one index finds it; null if
    there is nothing. While a task is being made it is 0.
    """

    _id: str
    version: int
    pvt_account_id: str
    pvt_auth_account_id: str
    pvt_category: str
    pvt_action: str
    pvt_created: int
    name: str | None
    cron: str | None
    timezone: str
    at: int | None
    overlap: str
    missed: str
    paused: bool
    input: InputDocument | None
    total_rows: int | None
    file_name: str | None
    next: int | None
    queue: list[int]
    run: RunningDocument | None
    last_task_id: str | None
    wakes: int | None


class RecordDocument(TypedDict):
    """`RunRecord`; times in Gregorian seconds. `written` is the database's, for its retention."""

    _id: str
    schedule: str
    instant: int
    outcome: str
    at: int
    task_id: str | None
    reason: str | None
    count: int
    written: datetime


def schedule_document(schedule: Schedule) -> ScheduleDocument:
    """A whole schedule."""
    timing, run = schedule.timing, schedule.run
    return {
        "_id": schedule.id,
        "version": schedule.version,
        "pvt_account_id": schedule.account_id,
        "pvt_auth_account_id": schedule.auth_account_id,
        "pvt_category": schedule.category,
        "pvt_action": schedule.action,
        "pvt_created": from_unix(schedule.created),
        "name": schedule.name,
        "cron": timing.cron,
        "timezone": timing.timezone,
        "at": _gregorian(timing.at),
        "overlap": schedule.overlap.value,
        "missed": schedule.missed.value,
        "paused": schedule.paused,
        "input": input_document(schedule.input) if schedule.input is not None else None,
        "total_rows": schedule.total_rows,
        "file_name": schedule.file_name,
        "next": _gregorian(schedule.next),
        "queue": [from_unix(instant) for instant in schedule.queue],
        "run": None
        if run is None
        else {
            "instant": from_unix(run.instant),
            "task_id": run.task_id,
            "node": run.node,
            "epoch": run.epoch,
        },
        "last_task_id": schedule.last_task_id,
        "wakes": _wakes(schedule),
    }


def schedule_of(document: ScheduleDocument) -> Schedule:
    """The inverse of `schedule_document`."""
    file, run = document["input"], document["run"]
    return Schedule(
        id=document["_id"],
        version=document["version"],
        account_id=document["pvt_account_id"],
        auth_account_id=document["pvt_auth_account_id"],
        category=document["pvt_category"],
        action=document["pvt_action"],
        timing=Timing(document["cron"], document["timezone"], _unix(document["at"])),
        created=to_unix(document["pvt_created"]),
        name=document["name"],
        overlap=Overlap(document["overlap"]),
        missed=Missed(document["missed"]),
        paused=document["paused"],
        input=input_file(file) if file is not None else None,
        total_rows=document["total_rows"],
        file_name=document["file_name"],
        next=_unix(document["next"]),
        queue=tuple(to_unix(instant) for instant in document["queue"]),
        run=None
        if run is None
        else ScheduleRun(to_unix(run["instant"]), run["task_id"], run["node"], run["epoch"]),
        last_task_id=document["last_task_id"],
    )


def record_document(record: RunRecord, written: datetime) -> RecordDocument:
    """The record of a moment as it is stored."""
    return {
        "_id": record.id,
        "schedule": record.schedule_id,
        "instant": from_unix(record.instant),
        "outcome": record.outcome.value,
        "at": from_unix(record.at),
        "task_id": record.task_id,
        "reason": record.reason,
        "count": record.count,
        "written": written,
    }


def record_of(document: RecordDocument) -> RunRecord:
    """The inverse of `record_document`."""
    return RunRecord(
        schedule_id=document["schedule"],
        instant=to_unix(document["instant"]),
        outcome=RunOutcome(document["outcome"]),
        at=to_unix(document["at"]),
        task_id=document["task_id"],
        reason=document["reason"],
        count=document["count"],
    )


def _wakes(schedule: Schedule) -> int | None:
    if schedule.run is not None:
        return 0
    moments = list(schedule.queue[:1])
    if schedule.next is not None and not schedule.paused:
        moments.append(schedule.next)
    return from_unix(min(moments)) if moments else None


def _gregorian(unix: int | None) -> int | None:
    return from_unix(unix) if unix is not None else None


def _unix(gregorian: int | None) -> int | None:
    return to_unix(gregorian) if gregorian is not None else None
