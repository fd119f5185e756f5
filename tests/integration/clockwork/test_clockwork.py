"""A scheduler's triggers and schedules as its process puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kztasks.domain.firing import FiringOutcome
from kztasks.domain.schedule import Schedule
from kztasks.domain.timing import Timing
from kztasks.processes.clock_watch import ClockWatch
from kztasks.processes.clockwork import Clockwork
from kztasks.scheduler.service import Scheduler
from kztasks.settings import Settings
from kztasks.store.mongo import MongoStore
from tasks_bindings import App, AppRunner, Environment, Trigger
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tests.integration.triggers.kit import eventually

DAY = Trigger.DAY.value


class Ahead:
    """A store whose clock is behind, so that this machine's is ahead of it."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self.by_s = 0.0
        self.retention = self

    async def now(self) -> datetime:
        return await self._store.retention.now() - timedelta(seconds=self.by_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Site:
    """One scheduler with its clockwork, and an app, on one broker."""

    def __init__(self, store: MongoStore, folder: Path) -> None:
        self.store = Ahead(store)
        self._broker = MemoryBroker()
        self._folder = folder
        self.bus = MemoryBus(self._broker, name="scheduler")
        settings = Settings(node="kztasks@n", output_folder=folder)
        self.settings = settings
        self.scheduler = Scheduler(settings, self.store, self.bus)

    async def open(self, app: App) -> Clockwork:
        await self.bus.start()
        self._app_bus = MemoryBus(self._broker, name="app")
        await self._app_bus.start()
        self._runner = AppRunner(app, self._app_bus, Environment({}))
        await self._runner.start()
        await self.scheduler.start()
        await self.scheduler.discovery.wait_for_answers(5.0)
        self.clockwork = Clockwork(
            self.settings,
            self.store,
            self.bus,
            self.scheduler,
        )
        return self.clockwork

    async def close(self) -> None:
        await self.clockwork.close()
        await self.scheduler.close()
        await self._runner.close(drain_s=0.1)
        await self._app_bus.close()
        await self.bus.close()

    async def bound(self) -> None:
        """Wait until the day's trigger is known to have an app."""
        async with asyncio.timeout(20):
            while True:
                if any(one.apps for one in await self.store.triggers.states()):
                    return
                await asyncio.sleep(0.01)

    async def ended(self, count: int) -> None:
        """Wait until so many firings of the day's trigger have ended, and are counted."""
        async with asyncio.timeout(20):
            while True:
                found = await self.store.triggers.firings(DAY, limit=9)
                over = [one for one in found if one.outcome is not FiringOutcome.RUNNING]
                if len(over) >= count and not self.clockwork.triggers.running:
                    return
                await asyncio.sleep(0.01)

    def metric(self, sample: str) -> float:
        """A sample of `/metrics`."""
        for line in self.scheduler.metrics.text().decode().splitlines():
            if line.startswith(f"{sample} "):
                return float(line.removeprefix(sample))
        raise AssertionError(f"there is no {sample}")


@pytest.fixture
async def site(store: MongoStore, tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(store, tmp_path)
    yield site
    await site.close()


def an_app() -> App:
    app = App("billing")
    app.trigger(Trigger.DAY)(lambda: None)

    @app.trigger(Trigger.DAY)
    def crashes() -> None:
        raise ValueError("no")

    return app


async def test_metrics_tell_of_firings_calls_and_schedules(site: Site) -> None:
    await site.open(an_app())
    await site.bound()
    assert await site.store.triggers.request(DAY, "by hand")
    await site.ended(1)
    assert site.metric('kztasks_trigger_firings_total{outcome="failed",trigger="day"}') == 1
    for outcome in ("ok", "crashed"):
        labels = f'app="billing",outcome="{outcome}",trigger="day"'
        assert site.metric(f"kztasks_trigger_calls_total{{{labels}}}") == 1
    assert site.metric('kztasks_trigger_firing_seconds_count{trigger="day"}') == 1
    assert site.metric('kztasks_trigger_late_seconds_count{trigger="day"}') == 1
    (firing,) = await site.store.triggers.firings(DAY, limit=9)
    last = site.metric('kztasks_trigger_last_fired_timestamp_seconds{trigger="day"}')
    assert last == pytest.approx(firing.began)
    await eventually(lambda: site.metric("kztasks_trigger_firings_running") == 0)
    now = int(firing.began)
    schedule = Schedule(
        id="s", account_id="a", auth_account_id="a", category="c", action="x",
        timing=Timing(at=now), created=now, next=now,
    )  # fmt: skip
    await site.store.schedules.insert(schedule)
    name = 'kztasks_schedule_moments_total{outcome="started"}'
    await eventually(lambda: name in site.scheduler.metrics.text().decode())
    assert site.metric('kztasks_schedule_moments_total{outcome="started"}') == 1
    await eventually(lambda: site.metric("kztasks_schedule_tasks_making") == 0)


async def test_a_scheduler_whose_clock_is_wrong_begins_nothing_until_it_is_right(
    site: Site,
) -> None:
    clockwork = await site.open(an_app())
    await site.bound()
    site.store.by_s = 3600
    await clockwork._clock_watch.look()
    assert site.metric("kztasks_clock_off_seconds") == pytest.approx(3600, abs=30)
    assert await site.store.triggers.request(DAY, "by hand")
    await clockwork.triggers.look()
    assert clockwork.triggers.running == 0
    assert await site.store.triggers.firings(DAY, limit=9) == []
    site.store.by_s = 0
    await clockwork._clock_watch.look()
    await site.ended(1)


async def test_a_scheduler_without_the_broker_leaves_moments_to_others(site: Site) -> None:
    clockwork = await site.open(an_app())
    await site.bound()
    await clockwork._clock_watch.look()
    await site.bus.close()
    assert await site.store.triggers.request(DAY, "by hand")
    await clockwork.triggers.look()
    assert clockwork.triggers.running == 0
    assert await site.store.triggers.firings(DAY, limit=9) == []


@pytest.mark.parametrize(("by_s", "is_off"), [(0, False), (20, False), (40, True), (-40, True)])
async def test_a_clock_may_be_half_a_minute_off(
    store: MongoStore, by_s: float, *, is_off: bool
) -> None:
    ahead = Ahead(store)
    watch = ClockWatch(ahead)
    assert watch.is_off, "nobody has compared it yet"
    ahead.by_s = by_s
    await watch.look()
    assert watch.is_off is is_off
    assert watch.off_s == pytest.approx(by_s, abs=5)
