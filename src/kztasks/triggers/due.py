"""Whether a trigger is due, and what became of the moments before. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from kztasks.domain.cron import between, latest
from kztasks.domain.firing import TriggerState
from tasks_bindings.wire.keys import Trigger

ON_TIME_S: Final = 5.0
"""A firing that begins within so many seconds of its moment is on time."""

MissedPolicy = Literal["late", "skip"]
"""What becomes of a moment at which nobody was there: run once, late, or not at all."""

NOBODY: Final = "no scheduler was there"
STILL_RAN: Final = "the firing before still ran"


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done about a trigger now.

    Args:
        instant: the moment to fire for, Unix seconds; `None` to fire for none.
        last: how far the trigger has been dealt with then, Unix seconds.
        missed: moments that are to be recorded as missed.
        reason: why they were.
    """

    instant: int | None
    last: int
    missed: range = range(0)
    reason: str = NOBODY


def cron_due(trigger: Trigger, state: TriggerState, now: float, policy: MissedPolicy) -> Due | None:
    """What is to be done about a cron-like trigger in which nothing runs; `None` for nothing.

    Of several moments that have gone by the last one alone is fired for; all others were missed.
    """
    if not state.apps:
        return None
    newest = latest(trigger, now)
    if newest <= state.last:
        is_wanted = state.requested is not None and int(now) > state.last
        return Due(int(now), int(now)) if is_wanted else None
    passed = between(trigger, state.last, newest)
    still_ran = state.ended is not None and state.ended > passed[0]
    reason = STILL_RAN if still_ran else NOBODY
    if policy == "skip" and now - newest > ON_TIME_S:
        return Due(None, newest, passed, reason)
    return Due(newest, newest, passed[:-1], reason)


def pass_due(state: TriggerState, now: float, interval_s: float) -> Due | None:
    """Whether a pass over the databases is due: so long after the last one ended, or on demand."""
    since = max(state.last, state.ended or 0)
    is_wanted = state.requested is not None or now >= since + interval_s
    if not state.apps or not is_wanted or int(now) <= state.last:
        return None
    return Due(int(now), int(now))
