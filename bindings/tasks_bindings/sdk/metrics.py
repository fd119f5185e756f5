"""What an app process counts, under Prometheus' rules. No label names an account or a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tasks_bindings.loop_watch import LAG, LAG_BOUNDS_S, LAG_MAX, LAG_MAX_MEANING, LAG_MEANING
from tasks_bindings.metrics_text import Histogram, Metric, metrics_text
from tasks_bindings.sdk.overdue import Overdue


class AppMetrics:
    """The figures of one instance of an app.

    Args:
        work: knows what runs and what was run.
        is_connected: whether there is a session with the bus.
    """

    def __init__(self, work: Overdue, is_connected: Callable[[], bool]) -> None:
        self._work = work
        self._is_connected = is_connected
        self._lag: Final = Histogram(LAG_BOUNDS_S)
        self._greatest_lag_s = 0.0

    def note_lag(self, lag_s: float, greatest_s: float) -> None:
        """Take in how late the event loop is now, and how late it was at most of late."""
        self._lag.observe(lag_s)
        self._greatest_lag_s = greatest_s

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return metrics_text(self._read())

    def _read(self) -> tuple[Metric, ...]:
        work = self._work
        return (
            Metric("kztasks_app_batches_running", "gauge", "Batches that run here", len(work.runs)),
            Metric(
                "kztasks_app_rows_run_total",
                "counter",
                "Rows that were run here, with those that a verifier refused",
                work.rows_run,
            ),
            Metric(
                "kztasks_app_handler_crashes_total",
                "counter",
                "Rows whose handler raised, or returned what no handler may",
                work.crashes,
            ),
            Metric(
                "kztasks_app_handlers_stuck",
                "gauge",
                "Handlers that do not return; the process is about to end",
                len(work.stuck),
            ),
            Metric(
                "kztasks_broker_connected",
                "gauge",
                "Whether there is a session with the bus",
                self._is_connected(),
            ),
            Metric(LAG, "histogram", LAG_MEANING, self._lag),
            Metric(LAG_MAX, "gauge", LAG_MAX_MEANING, self._greatest_lag_s),
        )
