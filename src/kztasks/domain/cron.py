"""When the cron-like triggers fire: at second 0, minute 0 and 00:00, all in UTC.

Seed, "Triggers". Unix time has neither leap seconds nor daylight saving, so each kind of moment
comes in steps of the same length.
"""

from __future__ import annotations

from typing import Final

from tasks_bindings.wire.keys import Trigger

PERIOD_S: Final = {Trigger.MINUTE: 60, Trigger.HOUR: 3_600, Trigger.DAY: 86_400}
"""The cron-like triggers, with seconds between two firings."""


def latest(trigger: Trigger, now: float) -> int:
    """The last moment of a cron-like trigger that is not after `now`; Unix seconds."""
    period = PERIOD_S[trigger]
    return int(now // period) * period


def following(trigger: Trigger, instant: int) -> int:
    """The moment after `instant`; Unix seconds."""
    return latest(trigger, instant) + PERIOD_S[trigger]


def between(trigger: Trigger, after: int, until: int) -> range:
    """The moments after one and up to another one, which is included."""
    return range(following(trigger, after), until + 1, PERIOD_S[trigger])
