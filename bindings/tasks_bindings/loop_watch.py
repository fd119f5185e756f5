"""How late a process' event loop is: whatever blocks it holds up all else that the process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

TICK_S: Final = 0.1
LATE_S: Final = 0.25
"""A loop that is so late is worth a line in the log."""
WINDOW_S: Final = 30.0
"""The greatest lag is that of the present window and the one before."""

LAG: Final = "kztasks_event_loop_lag_seconds"
LAG_MEANING: Final = "How much later than it should the event loop does something"
LAG_BOUNDS_S: Final = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
"""The buckets of the histogram, the same in every kind of process."""
LAG_MAX: Final = "kztasks_event_loop_lag_max_seconds"
LAG_MAX_MEANING: Final = "The greatest lag of the last minute"

Report = Callable[[float, float], None]
"""Is told the present lag and the greatest one of the last minute, both in seconds."""


class LoopWatch:
    """Sleeps a little again and again, and reports how much too long that took.

    Args:
        report: called after each sleep.
        clock: seconds that never go back.
    """

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._greatest = self._greatest_before = 0.0
        self._window_began = clock()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            began = self._clock()
            await asyncio.sleep(TICK_S)
            self.note(self._clock() - began)

    def note(self, passed_s: float) -> None:
        """Take in that a sleep of `TICK_S` took so long."""
        lag_s = max(0.0, passed_s - TICK_S)
        if lag_s > LATE_S:
            _log.warning("event_loop_late", lag_s=round(lag_s, 3))
        self._report(lag_s, self._greatest_of(lag_s))

    def _greatest_of(self, lag_s: float) -> float:
        now = self._clock()
        if now - self._window_began > WINDOW_S:
            self._greatest_before, self._greatest, self._window_began = self._greatest, 0.0, now
        self._greatest = max(self._greatest, lag_s)
        return max(self._greatest, self._greatest_before)
