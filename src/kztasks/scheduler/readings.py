"""What the parts of a scheduler know by themselves, read when somebody asks for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kztasks.scheduler.gate import TurnGate
from kztasks.scheduler.janitor import Janitor
from kztasks.scheduler.memory import RowMemory
from tasks_bindings.bus import Bus


@dataclass(frozen=True, slots=True)
class Readings(Collector):
    """Reads them.

    Args:
        running: how many tasks run here.
        bus: its sessions and late answers.
        dropped: announcements of apps that say nothing, or are of another version.
        gate: turns at apps.
        memory: of rows.
        janitor: what it removed.
        requests: messages of Kazoo's API by what became of them.
    """

    running: Callable[[], int]
    bus: Bus
    dropped: Callable[[], int]
    gate: TurnGate
    memory: RowMemory
    janitor: Janitor
    requests: Callable[[], Mapping[str, int]]

    def collect(self) -> Iterable[Metric]:
        """All of it, as it is now."""
        yield GaugeMetricFamily("kztasks_tasks_running", "Tasks that run here", self.running())
        yield from self._of_bus()
        yield from self._of_turns()
        yield from self._of_janitor()
        requests = CounterMetricFamily(
            "kztasks_kazoo_messages", "Messages of Kazoo's API by outcome", labels=["outcome"]
        )
        for outcome, count in {"invalid": 0, **self.requests()}.items():
            requests.add_metric([outcome], count)
        yield requests

    def _of_bus(self) -> Iterable[Metric]:
        health = self.bus.health
        yield GaugeMetricFamily(
            "kztasks_broker_connected", "Whether there is a session with the bus", self.bus.is_ready
        )
        yield GaugeMetricFamily(
            "kztasks_broker_blocked", "Whether the broker takes no messages now", health.blocked
        )
        yield CounterMetricFamily(
            "kztasks_broker_reconnects",
            "Sessions with the broker after the first one",
            max(0, health.sessions - 1),
        )
        yield CounterMetricFamily(
            "kztasks_late_replies", "Answers that came after their call", health.late_replies
        )
        yield CounterMetricFamily(
            "kztasks_announcements_dropped",
            "Announcements of apps that could not be read",
            self.dropped(),
        )

    def _of_turns(self) -> Iterable[Metric]:
        turns = GaugeMetricFamily(
            "kztasks_turns", "Turns at an app: limit, out, waiting", labels=["app", "state"]
        )
        granted = CounterMetricFamily(
            "kztasks_turns_granted", "Turns that were given", labels=["app"]
        )
        for app, counts in self.gate.counts().items():
            for state in ("limit", "out", "waiting"):
                turns.add_metric([app, state], getattr(counts, state))
            granted.add_metric([app], counts.granted)
        yield turns
        yield granted
        yield GaugeMetricFamily(
            "kztasks_tasks_unserved", "Tasks that wait for an app at all", self.gate.unserved
        )
        held = GaugeMetricFamily(
            "kztasks_row_memory_bytes", "Rows that are read and not yet run", labels=["state"]
        )
        held.add_metric(["running"], self.memory.running)
        held.add_metric(["resting"], self.memory.resting)
        yield held

    def _of_janitor(self) -> Iterable[Metric]:
        yield CounterMetricFamily(
            "kztasks_janitor_rounds", "Rounds of the janitor here", self.janitor.rounds
        )
        removed = CounterMetricFamily(
            "kztasks_janitor_removed", "What the janitor removed here", labels=["what"]
        )
        for what, count in asdict(self.janitor.totals).items():
            removed.add_metric([what], count)
        yield removed
