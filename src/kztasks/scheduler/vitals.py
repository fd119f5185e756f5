"""How late a scheduler's event loop is, and for how long nothing could be sent."""

from __future__ import annotations

from collections.abc import Callable

from kztasks.scheduler.metrics import SchedulerMetrics
from tasks_bindings.loop_watch import TICK_S, LoopWatch


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

    async def run(self) -> None:
        """Look until cancelled."""
        await LoopWatch(self.note).run()

    def note(self, lag_s: float, greatest_s: float) -> None:
        """Take in how late the loop is now, and how late it was at most of late."""
        self._metrics.loop_lag.note(lag_s, greatest_s)
        if self._is_fenced():
            self._metrics.fenced_s.inc(TICK_S + lag_s)
        if self._is_blocked():
            self._metrics.blocked_s.inc(TICK_S + lag_s)
