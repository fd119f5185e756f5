"""The shapes of answers on triggers and schedules, for the OpenAPI document alone."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from kztasks.api.models import Envelope
from kztasks.domain.firing import CallOutcome, FiringOutcome
from kztasks.domain.schedule import Missed, Overlap, RunOutcome


class HandlerCallFields(BaseModel):
    """The call of one function of a trigger."""

    app: str
    handler: str | None = None
    database: str | None = None
    outcome: CallOutcome
    took_ms: int
    error: str | None = None


class FiringFields(BaseModel):
    """A firing of a trigger; `instant` and `missed_from` are Gregorian seconds."""

    instant: int
    outcome: FiringOutcome
    node: str
    late_ms: int
    took_ms: int
    calls_made: int
    calls_failed: int
    calls: list[HandlerCallFields]
    current: HandlerCallFields | None = None
    databases: int | None = None
    database: str | None = None
    missed: int | None = None
    missed_from: int | None = None
    reason: str | None = None


class TriggerFields(BaseModel):
    """A trigger; `next` is in Gregorian seconds."""

    trigger: str
    apps: list[str]
    next: int | None
    running: bool
    requested: bool
    last_firing: FiringFields | None
    firings: list[FiringFields] | None = None


class TriggerEnvelope(Envelope):
    """One trigger."""

    status: Literal["success"]
    data: TriggerFields
    revision: str | None = None


class TriggerListEnvelope(Envelope):
    """All triggers."""

    status: Literal["success"]
    data: list[TriggerFields]
    revision: str | None = None


class ScheduleFields(BaseModel):
    """A schedule; times are Gregorian seconds; `next` has up to ten moments."""

    id: str
    account_id: str
    auth_account_id: str
    category: str
    action: str
    name: str | None = None
    cron: str | None = None
    timezone: str | None = None
    at: int | None = None
    overlap: Overlap
    missed: Missed
    paused: bool
    created: int
    file_name: str | None = None
    total_count: int | None = None
    next: list[int]
    waiting: int
    last_task_id: str | None = None


class ScheduleEnvelope(Envelope):
    """One schedule."""

    status: Literal["success"]
    data: ScheduleFields


class ScheduleListEnvelope(Envelope):
    """Schedules of an account, newest first."""

    status: Literal["success"]
    data: list[ScheduleFields]
    revision: str | None = None


class RunRecordFields(BaseModel):
    """What became of a moment of a schedule; times are Gregorian seconds."""

    instant: int
    outcome: RunOutcome
    at: int
    task_id: str | None = None
    reason: str | None = None
    count: int


class HistoryEnvelope(Envelope):
    """What became of the moments of a schedule, the latest first."""

    status: Literal["success"]
    data: list[RunRecordFields]
