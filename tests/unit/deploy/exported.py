"""What the processes let others see: their metrics, and the paths that they serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from kztasks.api.app import MOUNTS, create_app, watch_loop
from kztasks.api.deps import ApiDeps
from kztasks.api.services import services_in
from kztasks.kazoo.client import KazooClient
from kztasks.processes.api_settings import api_settings
from kztasks.processes.clockwork import Clockwork
from kztasks.processes.ops import scheduler_pages
from kztasks.scheduler.service import Scheduler
from kztasks.settings import Settings
from kztasks.store.mongo import MongoStore
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tasks_bindings.sdk.metrics import AppMetrics
from tasks_bindings.sdk.ops import app_pages
from tasks_bindings.sdk.overdue import Overdue
from tasks_bindings.verify import RowVerifier

SAMPLES: Final[dict[str, dict[str, set[str]]]] = {
    "counter": {"_total": set()},
    "gauge": {"": set()},
    "histogram": {"_bucket": {"le"}, "_count": set(), "_sum": set()},
}
"""What follows a metric's name in its samples, with the labels that come to its own."""

Metrics = dict[str, set[str]]
"""The labels of each sample, by its name."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Of one kind of process."""

    metrics: Metrics
    paths: frozenset[str]


async def all_exported() -> dict[str, Exported]:
    """By the first word of the command. The parts are put together as the processes do it."""
    settings = Settings()
    bus = MemoryBus(MemoryBroker())
    store = MongoStore("mongodb://127.0.0.1:1/")  # never asked
    try:
        return {
            "api": await _front(settings, store, bus),
            "scheduler": await _scheduler(settings, store, bus),
            "app": _app(),
        }
    finally:
        await store.close()


async def _front(settings: Settings, store: MongoStore, bus: MemoryBus) -> Exported:
    app = create_app(
        ApiDeps(
            store=store,
            scheduler=KazooClient(bus, settings.node),
            verifier=RowVerifier(bus),
            settings=api_settings(settings),
        )
    )
    async with _for_a_moment(watch_loop(app)):
        registry = services_in(app).metrics.registry
        return Exported(dict(_of(registry)), frozenset(_paths()))


def _paths() -> Iterator[str]:
    for prefix, routers, _ in MOUNTS:
        for router in routers:
            for route in router.routes:
                if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
                    yield prefix + route.path


async def _scheduler(settings: Settings, store: MongoStore, bus: MemoryBus) -> Exported:
    scheduler = Scheduler(settings, store, bus)
    scheduler.read_out(dict)
    clockwork = Clockwork(settings, store, bus, scheduler)
    await clockwork.close()  # before it begins
    pages = scheduler_pages(scheduler.health, scheduler.metrics)
    return Exported(dict(_of(scheduler.metrics.registry)), frozenset(pages))


def _app() -> Exported:
    metrics = AppMetrics(Overdue(), lambda: True)
    pages = app_pages(list, list, metrics.text)
    families = text_string_to_metric_families(metrics.text().decode())
    samples = [sample for family in families for sample in family.samples]
    return Exported({one.name: set(one.labels) for one in samples}, frozenset(pages))


def _of(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    """Names and labels of all samples that there may be, of those too that are not there yet."""
    for collector in registry._collector_to_names:
        for family in collector.collect():
            own = collector if hasattr(collector, "_labelnames") else family
            labels: Any = getattr(own, "_labelnames", ())
            for suffix, more in SAMPLES[family.type].items():
                yield family.name + suffix, {*labels, *more}


@asynccontextmanager
async def _for_a_moment(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    running = asyncio.create_task(work)
    await asyncio.sleep(0)
    yield
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
