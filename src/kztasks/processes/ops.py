"""What a scheduler process serves to probes; see `tasks_bindings.ops`."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST

from kztasks.scheduler.health import OK, SchedulerHealth
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.service import Scheduler
from tasks_bindings.ops import Page, Pages, json_page


class SchedulerBeside:
    """A scheduler in the same process as a front, which shows it to probes."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def metrics(self) -> bytes:
        """Its counters."""
        return self._scheduler.metrics.text()

    async def checks(self) -> Mapping[str, str]:
        """What it needs, and what is wrong with it."""
        return await self._scheduler.health.checks()


def scheduler_pages(health: SchedulerHealth, metrics: SchedulerMetrics) -> Pages:
    """`/healthz`, also as `/livez`; `/readyz`, and `/metrics`.

    `/healthz` is 503 when a part of the process has ended that should run for ever: start it anew.
    `/readyz` is 503 when a part that it needs is missing; `checks` says which and why. Tasks wait
    then, and go on by themselves.
    """

    async def alive() -> Page:
        return _page(health.alive(), "alive")

    async def ready() -> Page:
        return _page(await health.checks(), "ready")

    async def counters() -> Page:
        return Page(200, metrics.text(), CONTENT_TYPE_LATEST)

    return {"/healthz": alive, "/livez": alive, "/readyz": ready, "/metrics": counters}


def _page(checks: Mapping[str, str], name: str) -> Page:
    is_fine = all(outcome == OK for outcome in checks.values())
    return json_page(200 if is_fine else 503, {name: is_fine, "checks": dict(checks)})
