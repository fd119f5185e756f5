"""How the states of triggers and the records of firings stand in their collections."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from kztasks.domain.firing import (
    CallOutcome,
    Firing,
    FiringOutcome,
    Handler,
    HandlerCall,
    Run,
    TriggerState,
)
from kztasks.domain.gregorian import from_unix, to_unix


class RunDocument(TypedDict):
    """`Run`; `instant` in Gregorian seconds."""

    firing: str
    instant: int
    node: str
    epoch: int


class StateDocument(TypedDict):
    """`TriggerState`, its key as `_id`; times in Gregorian seconds.

    `version` counts changes of `apps`.
    """

    _id: str
    version: int
    last: int
    apps: list[str]
    run: RunDocument | None
    ended: int | None
    requested: str | None


class CallDocument(TypedDict):
    """`HandlerCall`."""

    app: str
    handler: str
    outcome: str
    took_ms: int
    database: NotRequired[str]
    error: NotRequired[str]


class FiringDocument(TypedDict):
    """`Firing`; whole times in Gregorian seconds, `late_ms` and `took_ms` in milliseconds.

    `written` is the time from which on the database counts the days that it keeps the record.
    """

    _id: str
    trigger: str
    instant: int
    node: str
    epoch: int
    began: float
    late_ms: int
    took_ms: int
    outcome: str
    calls: list[CallDocument]
    calls_made: int
    calls_failed: int
    databases: int | None
    database: str | None
    done: list[list[str]]
    missed_from: int | None
    missed: int
    reason: str | None
    current: CallDocument | None
    written: datetime


def state_of(document: StateDocument) -> TriggerState:
    """A trigger's state."""
    run, ended = document["run"], document["ended"]
    return TriggerState(
        key=document["_id"],
        last=to_unix(document["last"]),
        apps=tuple(document["apps"]),
        run=run_of(run) if run is not None else None,
        ended=to_unix(ended) if ended is not None else None,
        requested=document["requested"],
    )


def run_of(document: RunDocument) -> Run:
    """A run."""
    instant = to_unix(document["instant"])
    return Run(document["firing"], instant, document["node"], document["epoch"])


def run_document(run: Run) -> RunDocument:
    """A run as it stands in its trigger's document."""
    return {
        "firing": run.firing_id,
        "instant": from_unix(run.instant),
        "node": run.node,
        "epoch": run.epoch,
    }


def firing_of(document: FiringDocument) -> Firing:
    """The record of a firing."""
    current, missed_from = document["current"], document["missed_from"]
    return Firing(
        id=document["_id"],
        key=document["trigger"],
        instant=to_unix(document["instant"]),
        node=document["node"],
        epoch=document["epoch"],
        began=document["began"],
        took_ms=document["took_ms"],
        outcome=FiringOutcome(document["outcome"]),
        calls=tuple(_call_of(call) for call in document["calls"]),
        made=document["calls_made"],
        failed=document["calls_failed"],
        databases=document["databases"],
        database=document["database"],
        done=tuple(Handler(app, name) for app, name in document["done"]),
        missed_from=to_unix(missed_from) if missed_from is not None else None,
        missed=document["missed"],
        reason=document["reason"],
        current=_call_of(current) if current is not None else None,
    )


def firing_document(firing: Firing, written: datetime) -> FiringDocument:
    """The record as it is stored."""
    start = firing.missed_from
    return {
        "_id": firing.id,
        "trigger": firing.key,
        "instant": from_unix(firing.instant),
        "node": firing.node,
        "epoch": firing.epoch,
        "began": firing.began,
        "late_ms": round(firing.late_s * 1000),
        "took_ms": firing.took_ms,
        "outcome": firing.outcome.value,
        "calls": [_call_document(call) for call in firing.calls],
        "calls_made": firing.made,
        "calls_failed": firing.failed,
        "databases": firing.databases,
        "database": firing.database,
        "done": [[one.app, one.name] for one in firing.done],
        "missed_from": from_unix(start) if start is not None else None,
        "missed": firing.missed,
        "reason": firing.reason,
        "current": _call_document(firing.current) if firing.current is not None else None,
        "written": written,
    }


def _call_of(document: CallDocument) -> HandlerCall:
    return HandlerCall(
        Handler(document["app"], document["handler"]),
        CallOutcome(document["outcome"]),
        document["took_ms"],
        document.get("database"),
        document.get("error"),
    )


def _call_document(call: HandlerCall) -> CallDocument:
    document: CallDocument = {
        "app": call.handler.app,
        "handler": call.handler.name,
        "outcome": call.outcome.value,
        "took_ms": call.took_ms,
    }
    if call.database is not None:
        document["database"] = call.database
    if call.error is not None:
        document["error"] = call.error
    return document
