"""How late the event loop is, and for how long nothing could be sent; ten looks a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from kztasks.scheduler.metrics import SchedulerMetrics

_log = structlog.get_logger(__name__)

TICK_S: Final = 0.1
LATE_S: Final = 0.25
"""A loop that is so late is worth a line in the log."""
WINDOW_S: Final = 30.0
"""The greatest lag is that of the present window and the one before."""


class Vitals:
    """Takes the pulse of a scheduler.

    Args:
        metrics: where it goes.
        is_fenced: whether others may take this scheduler for dead.
        is_blocked: whether the broker takes no messages.
    """

    def __init__(
        self,
        metrics: SchedulerMetrics,
        *,
        is_fenced: Callable[[], bool],
        is_blocked: Callable[[], bool],
    ) -> None:
        self._metrics = metrics
        self._is_fenced = is_fenced
        self._is_blocked = is_blocked
        self._greatest = self._greatest_before = 0.0
        self._window_began = time.monotonic()
        self.looked_at = time.monotonic()
        """Monotonic seconds of the last look."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK_S)
            self.note(time.monotonic() - began)

    def note(self, passed_s: float) -> None:
        """Take in that a sleep of `TICK_S` took so long."""
        lag_s = max(0.0, passed_s - TICK_S)
        self._metrics.loop_lag.observe(lag_s)
        self._metrics.loop_lag_max.set(self._greatest_of(lag_s))
        if lag_s > LATE_S:
            _log.warning("event_loop_late", lag_s=round(lag_s, 3))
        if self._is_fenced():
            self._metrics.fenced_s.inc(passed_s)
        if self._is_blocked():
            self._metrics.blocked_s.inc(passed_s)
        self.looked_at = time.monotonic()

    def _greatest_of(self, lag_s: float) -> float:
        now = time.monotonic()
        if now - self._window_began > WINDOW_S:
            self._greatest_before, self._greatest, self._window_began = self._greatest, 0.0, now
        self._greatest = max(self._greatest, lag_s)
        return max(self._greatest, self._greatest_before)
