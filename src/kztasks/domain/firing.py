"""A trigger's firing: what was called, in which order, and how each call ended.

Seed, "Headless Tasks": all that is bound to a trigger runs in series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from kztasks.domain.gregorian import from_unix

DATABASES: Final = "tasks.triggers.databases"
"""Stands for a whole pass over the databases, which fires the four database triggers."""
MOST_CALLS_KEPT: Final = 100
"""Calls that a firing's record holds one by one; of a pass over databases, those that failed."""


class CallOutcome(StrEnum):
    """How the call of one handler ended."""

    BEGUN = "begun"
    """It runs."""
    OK = "ok"
    BACKGROUND = "background"
    """It said that it goes on in the background."""
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    ABSENT = "absent"
    """No instance of its app was there."""
    BUSY = "busy"
    """It still runs from an earlier firing, which had given it up."""
    LOST = "lost"
    """The scheduler that called it died meanwhile, so nobody knows how it ended."""

    @property
    def is_good(self) -> bool:
        """Whether nobody needs to look at it."""
        return self in {CallOutcome.OK, CallOutcome.BACKGROUND}


class FiringOutcome(StrEnum):
    """How a firing ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """At least one call did not end well; all others were made."""
    MISSED = "missed"
    """Nothing was called: no scheduler was there in time, or the firing before still ran."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that an app has bound to a trigger.

    Args:
        app: name of the app.
        name: of the function, unique within the app and trigger; empty for an app that does not
            name its functions, which calls all that it has.
    """

    app: str
    name: str


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """One call of a handler.

    Args:
        handler: what was called.
        outcome: how it ended.
        took_ms: how long it took, milliseconds.
        database: its argument, for database triggers.
        error: what went wrong.
    """

    handler: Handler
    outcome: CallOutcome
    took_ms: int = 0
    database: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Who runs a firing. Written with the trigger's state, which allows one at a time.

    Args:
        firing_id: the firing.
        instant: for which moment, Unix seconds.
        node: the scheduler process.
        epoch: counts who has run it; grows with each take-over.
    """

    firing_id: str
    instant: int
    node: str
    epoch: int = 1


@dataclass(frozen=True, slots=True)
class TriggerState:
    """What all schedulers know of a trigger.

    Args:
        key: its routing key.
        last: the last moment that was dealt with, Unix seconds.
        apps: that have bound to it, in the order in which they did.
        run: the firing that runs now.
        ended: when the last run ended, Unix seconds.
        requested: id of a firing that somebody asked for, until it has begun.
    """

    key: str
    last: int
    apps: tuple[str, ...] = ()
    run: Run | None = None
    ended: int | None = None
    requested: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """The record of a firing.

    Args:
        id: `KEY@INSTANT`; unique, so that it happens once.
        key: of the trigger.
        instant: for which moment, Unix seconds.
        node: name of the scheduler that ran it last, for people.
        epoch: of the run.
        began: when it began, Unix seconds with fractions.
        took_ms: how long it took so far, milliseconds.
        outcome: how it ended.
        calls: kept one by one, see `MOST_CALLS_KEPT`.
        made: how many calls were made.
        failed: how many of them did not end well.
        databases: how many a pass goes over.
        database: the one that a pass is at; those before it in the alphabet are behind.
        done: the handlers that were called, of the present database in a pass; whoever takes over
            calls the others.
        missed_from: the first moment of a row of missed ones that ends with `instant`.
        missed: how many were missed.
        reason: why nothing was called.
        current: the call that runs.
    """

    id: str
    key: str
    instant: int
    node: str
    epoch: int
    began: float
    took_ms: int = 0
    outcome: FiringOutcome = FiringOutcome.RUNNING
    calls: tuple[HandlerCall, ...] = ()
    made: int = 0
    failed: int = 0
    databases: int | None = None
    database: str | None = None
    done: tuple[Handler, ...] = ()
    missed_from: int | None = None
    missed: int = 0
    reason: str | None = None
    current: HandlerCall | None = None

    @property
    def late_s(self) -> float:
        """Seconds between the moment and the beginning."""
        return max(0.0, self.began - self.instant)

    def beginning(self, handler: Handler, database: str | None = None) -> Firing:
        """The record just before a call."""
        return replace(
            self,
            database=database,
            done=self.done if database == self.database else (),
            current=HandlerCall(handler, CallOutcome.BEGUN, database=database),
        )

    def with_call(self, call: HandlerCall) -> Firing:
        """The record after a call. In a pass, calls that ended well are counted and not kept."""
        kept = self.calls
        is_kept = call.database is None or not call.outcome.is_good
        if is_kept and len(kept) < MOST_CALLS_KEPT:
            kept = (*kept, call)
        return replace(
            self,
            calls=kept,
            made=self.made + 1,
            failed=self.failed + (not call.outcome.is_good),
            done=(*self.done, call.handler),
            current=None,
        )

    def ending(self, now: float) -> Firing:
        """The record of the end."""
        outcome = FiringOutcome.FAILED if self.failed else FiringOutcome.DONE
        return replace(self, outcome=outcome, took_ms=_ms(now - self.began), current=None)


def firing_id(key: str, instant: int) -> str:
    """The id of a trigger's firing at a moment.

    Args:
        key: of the trigger, such as `tasks.triggers.minute`.
        instant: Unix seconds; the id shows them in Gregorian seconds, as documents do.
    """
    return f"{key}@{from_unix(instant)}"


def missed(key: str, instants: Sequence[int], *, node: str, now: float, reason: str) -> Firing:
    """One record for a row of firings that did not happen.

    Args:
        key: of the trigger.
        instants: the moments, oldest first; at least one.
        node: who noticed.
        now: when, Unix seconds.
        reason: why they did not.
    """
    return Firing(
        id=firing_id(key, instants[-1]),
        key=key,
        instant=instants[-1],
        node=node,
        epoch=1,
        began=now,
        outcome=FiringOutcome.MISSED,
        missed_from=instants[0],
        missed=len(instants),
        reason=reason,
    )


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
