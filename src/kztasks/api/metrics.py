"""What is counted, under Prometheus' rules. No label names an account or a task."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)


class Metrics:
    """The counters of one front. Each front has a registry of its own.

    Args:
        is_connected: whether there is a session with the broker. `None` if a scheduler beside the
            front tells so, under the same name.
    """

    def __init__(self, is_connected: Callable[[], bool] | None) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Histogram(
            "http_server_request_duration_seconds",
            "Time from a request's header to the end of its answer",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.tasks_created = Counter(
            "kztasks_tasks_created",
            "Tasks that were created",
            ["category", "action", "input"],
            registry=registry,
        )
        self.refused_inputs = Counter(
            "kztasks_validation_failures",
            "Inputs that were refused, by the code of the error",
            ["reason"],
            registry=registry,
        )
        self.input_bytes = Counter(
            "kztasks_input_bytes", "Bytes of input that were stored", registry=registry
        )
        self.output_bytes = Counter(
            "kztasks_output_bytes", "Bytes of CSV that were sent", registry=registry
        )
        self.auth_failures = Counter(
            "kztasks_auth_failures", "Requests without a good token", registry=registry
        )
        self.event_streams = Gauge(
            "kztasks_sse_clients", "Streams of events that are open", registry=registry
        )
        if is_connected is not None:
            Gauge(
                "kztasks_broker_connected",
                "Whether there is a session with the bus",
                registry=registry,
            ).set_function(is_connected)
        build = Gauge(
            "kztasks_build_info", "What runs here", ["version", "python"], registry=registry
        )
        build.labels(version("kztasks"), platform.python_version()).set(1)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
