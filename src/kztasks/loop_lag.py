"""How late the event loop of a front or a scheduler is, under Prometheus' rules."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Histogram

from tasks_bindings.loop_watch import LAG, LAG_BOUNDS_S, LAG_MAX, LAG_MAX_MEANING, LAG_MEANING


class LoopLag:
    """The two metrics of one loop.

    Args:
        registry: they are added to it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = Histogram(LAG, LAG_MEANING, buckets=LAG_BOUNDS_S, registry=registry)
        self._greatest = Gauge(LAG_MAX, LAG_MAX_MEANING, registry=registry)

    def note(self, lag_s: float, greatest_s: float) -> None:
        """Take in how late the loop is now, and how late it was at most of late."""
        self._lag.observe(lag_s)
        self._greatest.set(greatest_s)
