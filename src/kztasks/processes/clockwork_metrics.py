"""What a scheduler counts of triggers and schedules, under Prometheus' rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kztasks.domain.firing import Firing, FiringOutcome, HandlerCall
from kztasks.domain.schedule import RunRecord

_TOOK_S: Final = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400)
_LATE_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600, 86_400)
_PREFIX: Final = "tasks.triggers."


class ClockworkMetrics:
    """Counts firings, calls and the moments of schedules.

    Args:
        registry: the scheduler's.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._firings = self._counter(
            "kztasks_trigger_firings",
            "Moments of triggers that were fired here, or found missed, by outcome",
            "trigger",
            "outcome",
        )
        self._calls = self._counter(
            "kztasks_trigger_calls",
            "Calls of triggers' functions from here, by how they ended",
            "trigger",
            "app",
            "outcome",
        )
        self._took_s = self._histogram(
            "kztasks_trigger_firing_seconds", "How long firings took", _TOOK_S
        )
        self._late_s = self._histogram(
            "kztasks_trigger_late_seconds", "How long after their moment firings began", _LATE_S
        )
        self._last = Gauge(
            "kztasks_trigger_last_fired_timestamp_seconds",
            "When the last firing that ended here had begun, Unix time",
            ("trigger",),
            registry=registry,
        )
        self._moments = self._counter(
            "kztasks_schedule_moments", "Moments of schedules dealt with here", "outcome"
        )

    def fired(self, firing: Firing) -> None:
        """A firing has ended here, or a row of missed ones was recorded."""
        trigger = firing.key.removeprefix(_PREFIX)
        count = firing.missed if firing.outcome is FiringOutcome.MISSED else 1
        self._firings.labels(trigger, firing.outcome.value).inc(count)
        if firing.outcome is not FiringOutcome.MISSED:
            self._took_s.labels(trigger).observe(firing.took_ms / 1000)
            self._late_s.labels(trigger).observe(firing.late_s)
            self._last.labels(trigger).set(firing.began)

    def called(self, key: str, call: HandlerCall) -> None:
        """A handler was called for the trigger `key`, and this is how it ended."""
        trigger = key.removeprefix(_PREFIX)
        self._calls.labels(trigger, call.handler.app, call.outcome.value).inc()

    def dealt_with(self, record: RunRecord) -> None:
        """A moment of a schedule, or a row of missed ones, was dealt with here."""
        self._moments.labels(record.outcome.value).inc(record.count)

    def read_out(
        self, firings: Callable[[], int], making: Callable[[], int], off_s: Callable[[], float]
    ) -> None:
        """Say too what the parts know by themselves."""
        for name, meaning, read in (
            ("kztasks_trigger_firings_running", "Firings that run here", firings),
            ("kztasks_schedule_tasks_making", "Tasks of schedules that are being made", making),
            ("kztasks_clock_off_seconds", "This clock is so far ahead of the database's", off_s),
        ):
            Gauge(name, meaning, registry=self._registry).set_function(read)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, meaning, ("trigger",), buckets=buckets, registry=self._registry)
