"""What a scheduler counts, under Prometheus' rules. No label names an account or a task."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest

from kztasks.loop_lag import LoopLag


class SchedulerMetrics:
    """The counters of one scheduler; its parts count where things happen.

    Each scheduler has a registry of its own. What parts count for themselves is added when it is
    read: `kztasks.scheduler.readings`.
    """

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        self.rows = self._counter("kztasks_rows_committed", "Rows that this scheduler committed")
        self.batches = self._counter(
            "kztasks_batches_committed", "Batches that this scheduler committed"
        )
        self.adoptions = self._counter(
            "kztasks_records_adopted", "Records of a rival that were found under one's own number"
        )
        self.unknown_writes = self._counter(
            "kztasks_unknown_writes", "Inserts whose outcome was unknown, and that were repeated"
        )
        self.resent = self._counter(
            "kztasks_batches_resent", "Batches that had to be sent again, by the error", "cause"
        )
        self.rerun_rows = self._counter(
            "kztasks_rows_rerun", "Rows that were sent again after they may have been run"
        )
        self.bad_replies = self._counter(
            "kztasks_bad_replies", "Answers of apps that answered nothing that was asked"
        )
        self.takeovers = self._counter(
            "kztasks_takeovers",
            "Tasks taken over: from a dead scheduler (rescue), or from one that left (handover)",
            "kind",
        )
        self._add_trouble()

    def _add_trouble(self) -> None:
        self.dead_nodes = self._counter(
            "kztasks_nodes_declared_dead", "Other schedulers that this one declared dead"
        )
        self.own_deaths = self._counter(
            "kztasks_node_deaths", "How often others declared this scheduler dead"
        )
        self.fenced_s = self._counter(
            "kztasks_node_fenced_seconds", "Time in which others might have taken its tasks"
        )
        self.blocked_s = self._counter(
            "kztasks_broker_blocked_seconds", "Time in which the broker took no messages (alarm)"
        )
        self.dead_letters = self._counter(
            "kztasks_dead_letters", "Messages that nobody could finish, by the reason", "reason"
        )
        self.failed_uploads = self._counter(
            "kztasks_output_uploads_failed", "Tries to upload an out.csv that failed"
        )
        self.outputs_given_up = self._counter(
            "kztasks_outputs_given_up", "Tasks that ended without their out.csv being stored"
        )
        self.cleanups_rescued = self._counter(
            "kztasks_cleanups_rescued", "Cleanup hooks that were called for a dead scheduler"
        )
        self.loop_lag = LoopLag(self.registry)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)
