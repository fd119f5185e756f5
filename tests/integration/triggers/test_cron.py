"""Cron-like triggers on three schedulers and two apps, on a clock that the test sets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from kztasks.domain.firing import CallOutcome, Firing, FiringOutcome
from tasks_bindings import App, Trigger, in_background
from tests.integration.triggers.kit import Site, at, eventually

MINUTE, HOUR, DAY = Trigger.MINUTE.value, Trigger.HOUR.value, Trigger.DAY.value


class Trace:
    """What was called when, and whether two of one trigger ever ran at the same time."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.calls: list[tuple[str, str, str]] = []
        self.running: set[str] = set()
        self.overlaps: list[str] = []

    def app(self, name: str, *handlers: str, triggers: tuple[Trigger, ...]) -> App:
        app = App(name)
        for handler in handlers:
            for trigger in triggers:
                app.trigger(trigger)(self._handler(f"{name}.{handler}", trigger.value))
        return app

    def _handler(self, name: str, key: str) -> Callable[[], Awaitable[None]]:
        async def handle() -> None:
            if key in self.running:
                self.overlaps.append(f"{key} {name}")
            self.running.add(key)
            await asyncio.sleep(0.002)
            now = datetime.fromtimestamp(self._site.clock.now(), UTC)
            self.calls.append((f"{now:%d %H:%M:%S}", key.rpartition(".")[2], name))
            self.running.discard(key)

        return handle


@pytest.fixture
def trace(site: Site) -> Trace:
    return Trace(site)


async def test_ten_minutes_over_a_months_end_fire_each_moment_once_and_in_order(
    site: Site, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")  # where no clock change may be felt
    time.tzset()
    every = (Trigger.MINUTE, Trigger.HOUR, Trigger.DAY)
    await site.app(trace.app("billing", "first", "second", triggers=every))
    nodes = [await site.scheduler() for _ in range(3)]
    await site.app(trace.app("cleanup", "third", triggers=every))
    start = at("2026-10-31T23:54:30")
    for second in range(1, 601):
        await site.go_to(start + second)
        if second == 200:
            await site.kill(nodes[0])
    assert trace.overlaps == []
    expected = [
        (moment, kind, name)
        for minute in range(10)
        for moment in [f"{'31 23' if minute < 5 else '01 00'}:{(55 + minute) % 60:02}:00"]
        for kind in ("minute", "hour", "day")
        if kind == "minute" or minute == 5
        for name in ("billing.first", "billing.second", "cleanup.third")
    ]
    assert sorted(trace.calls) == sorted(expected)
    for kind in ("minute", "hour", "day"):
        assert [call for call in trace.calls if call[1] == kind] == [
            call for call in expected if call[1] == kind
        ]
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("change", ["2026-03-29T00:59:00", "2026-10-25T00:59:00"])
async def test_hours_are_those_of_utc_where_local_clocks_are_changed(
    site: Site, trace: Trace, change: str
) -> None:
    site.clock.set(at(change))
    await site.app(trace.app("a", "one", triggers=(Trigger.HOUR,)))
    await site.scheduler()
    for minute in range(1, 180):
        await site.go_to(at(change) + 60 * minute)
    day = change[8:10]
    assert [call[0] for call in trace.calls] == [f"{day} {hour:02}:00:00" for hour in (1, 2, 3)]


async def test_moments_while_everything_was_down_are_recorded_and_the_last_one_runs_late(
    site: Site, trace: Trace
) -> None:
    await site.app(trace.app("a", "one", triggers=(Trigger.MINUTE,)))
    first = await site.scheduler()
    await site.go_to(at("2026-10-31T23:55:00"))
    await site.kill(first)
    site.clock.set(at("2026-11-01T00:10:20"))
    await site.scheduler()
    assert [call[0] for call in trace.calls] == ["31 23:55:00", "01 00:10:20"]
    late, missed, on_time = await site.store.triggers.firings(MINUTE, limit=10)
    assert (late.instant, late.late_s) == (at("2026-11-01T00:10:00"), 20.0)
    assert (missed.outcome, missed.missed) == (FiringOutcome.MISSED, 14)
    assert missed.missed_from == at("2026-10-31T23:56:00")
    assert on_time.outcome is FiringOutcome.DONE


async def test_where_it_is_configured_a_late_moment_is_recorded_and_left_out(
    site: Site, trace: Trace
) -> None:
    await site.app(trace.app("a", "one", triggers=(Trigger.DAY,)))
    first = await site.scheduler()
    await site.kill(first)
    site.clock.set(at("2026-11-01T09:00:00"))
    await site.scheduler(missed="skip")
    assert trace.calls == []
    (missed,) = await site.store.triggers.firings(DAY, limit=10)
    assert (missed.outcome, missed.instant) == (FiringOutcome.MISSED, at("2026-11-01T00:00:00"))
    await site.go_to(at("2026-11-02T00:00:01"))
    assert len(trace.calls) == 1


async def test_a_clock_that_is_set_back_fires_nothing_twice(site: Site, trace: Trace) -> None:
    await site.app(trace.app("a", "one", triggers=(Trigger.MINUTE,)))
    await site.scheduler()
    for text in ("23:55:00", "23:50:00", "23:55:30", "23:56:00"):
        await site.go_to(at(f"2026-10-31T{text}"))
    assert [call[0] for call in trace.calls] == ["31 23:55:00", "31 23:56:00"]


async def test_a_crash_a_hang_and_an_absence_are_recorded_and_the_next_handler_runs(
    site: Site,
) -> None:
    ran: list[str] = []
    goes_on = threading.Event()
    app, away, last = App("app"), App("away"), App("last")

    @app.trigger(Trigger.HOUR)
    def crashes() -> None:
        raise ValueError("bad luck")

    @app.trigger(Trigger.HOUR)
    async def hangs() -> None:
        await asyncio.Event().wait()

    @app.trigger(Trigger.HOUR)
    def hangs_in_a_thread() -> None:
        goes_on.wait(10)

    @away.trigger(Trigger.HOUR)
    def never() -> None:
        ran.append("away")

    @last.trigger(Trigger.HOUR)
    def background() -> object:
        return in_background(lambda: ran.append("background"))

    @last.trigger(Trigger.HOUR)
    def runs() -> None:
        ran.append("last")

    node = await site.scheduler(timeout_s=0.2)
    await site.app(app)
    gone = await site.app(away)
    await site.app(last)
    await site.go_to(at("2026-10-31T23:55:00"))
    await gone.close()
    site.apps.pop(1)
    await eventually(lambda: len(node.discovery._directory.instances) == 2)
    node.triggers._handlers._given_up["away"] = node.discovery._directory.version
    await site.go_to(at("2026-11-01T00:00:00"))
    (firing,) = await site.store.triggers.firings(HOUR, limit=10)
    outcomes = [(call.handler.app, call.outcome) for call in firing.calls]
    assert outcomes == [
        ("app", CallOutcome.CRASHED),
        ("app", CallOutcome.TIMEOUT),
        ("app", CallOutcome.TIMEOUT),
        ("away", CallOutcome.ABSENT),
        ("last", CallOutcome.BACKGROUND),
        ("last", CallOutcome.OK),
    ]
    assert firing.calls[0].error == "ValueError: bad luck"
    assert (firing.outcome, firing.made, firing.failed) == (FiringOutcome.FAILED, 6, 4)
    assert firing.calls[1].took_ms >= 190
    await eventually(lambda: sorted(ran) == ["background", "last"])
    await site.go_to(at("2026-11-01T01:00:00"))
    second, _ = await site.store.triggers.firings(HOUR, limit=10)
    assert second.calls[2].outcome is CallOutcome.BUSY
    goes_on.set()


async def test_a_firing_whose_scheduler_dies_goes_on_elsewhere_and_calls_nothing_twice(
    site: Site,
) -> None:
    calls: list[str] = []
    reached, goes_on = asyncio.Event(), asyncio.Event()
    app = App("app")

    @app.trigger(Trigger.HOUR)
    async def first() -> None:
        calls.append("first")

    @app.trigger(Trigger.HOUR)
    async def second() -> None:
        calls.append("second")
        reached.set()
        await goes_on.wait()

    @app.trigger(Trigger.HOUR)
    async def third() -> None:
        calls.append("third")

    await site.app(app)
    nodes = [await site.scheduler() for _ in range(2)]
    site.clock.set(at("2026-11-01T00:00:00"))
    await asyncio.wait_for(reached.wait(), 10)
    (owner,) = [node for node in nodes if node.triggers.running]
    await site.kill(owner)
    site.clock.set(at("2026-11-01T00:00:01"))
    await site.settled()
    goes_on.set()
    assert calls == ["first", "second", "third"]
    (firing,) = await site.store.triggers.firings(HOUR, limit=10)
    assert [call.outcome.value for call in firing.calls] == ["ok", "lost", "ok"]
    assert firing.epoch == 2


async def test_a_firing_that_takes_longer_than_its_period_lets_the_next_ones_be_missed(
    site: Site,
) -> None:
    reached, goes_on = asyncio.Event(), asyncio.Event()
    app = App("app")

    @app.trigger(Trigger.MINUTE)
    async def long() -> None:
        reached.set()
        await goes_on.wait()

    await site.app(app)
    await site.scheduler()
    site.clock.set(at("2026-10-31T23:55:00"))
    await asyncio.wait_for(reached.wait(), 10)
    for minute in (56, 57, 58):
        site.clock.set(at(f"2026-10-31T23:{minute}:00"))
        await eventually(lambda: site.clock.sleeping == 1)
    goes_on.set()
    await site.settled()
    await site.go_to(at("2026-10-31T23:58:02"))
    newest, missed, first = await site.store.triggers.firings(MINUTE, limit=10)
    assert first.took_ms == 180_000
    assert (missed.missed, missed.reason) == (2, "the firing before still ran")
    assert (newest.instant, newest.outcome) == (at("2026-10-31T23:58:00"), FiringOutcome.DONE)


async def test_a_scheduler_that_others_may_take_for_dead_begins_nothing(
    site: Site, trace: Trace
) -> None:
    await site.app(trace.app("a", "one", triggers=(Trigger.MINUTE,)))
    node = await site.scheduler()
    site.fenced.add(node.node_id)
    await site.go_to(at("2026-10-31T23:55:00"))
    assert trace.calls == []
    site.fenced.clear()
    await site.go_to(at("2026-10-31T23:55:01"))
    assert len(trace.calls) == 1


async def test_a_scheduler_that_leaves_begins_no_further_call_and_loses_none(site: Site) -> None:
    calls: list[str] = []
    reached, goes_on = asyncio.Event(), asyncio.Event()
    app = App("app")

    @app.trigger(Trigger.HOUR)
    async def first() -> None:
        reached.set()
        await goes_on.wait()
        calls.append("first")

    @app.trigger(Trigger.HOUR)
    async def second() -> None:
        calls.append("second")

    await site.app(app)
    leaving = await site.scheduler()
    site.clock.set(at("2026-11-01T00:00:00"))
    await asyncio.wait_for(reached.wait(), 10)
    closing = asyncio.create_task(leaving.triggers.close(10))
    await asyncio.sleep(0)
    goes_on.set()
    await closing
    assert calls == ["first"]
    await site.kill(leaving)
    await site.scheduler()
    await site.go_to(at("2026-11-01T00:00:02"))
    assert calls == ["first", "second"]
    (firing,) = await site.store.triggers.firings(HOUR, limit=10)
    assert firing.outcome is FiringOutcome.DONE


async def test_a_firing_on_demand_runs_at_once_and_the_schedule_stays(
    site: Site, trace: Trace
) -> None:
    await site.app(trace.app("a", "one", triggers=(Trigger.DAY,)))
    await site.scheduler()
    assert await site.store.triggers.request(DAY, "by hand")
    await site.go_to(at("2026-10-31T23:54:31"))
    await site.go_to(at("2026-10-31T23:54:32"))
    await site.go_to(at("2026-11-01T00:00:00"))
    assert [call[0] for call in trace.calls] == ["31 23:54:31", "01 00:00:00"]


async def test_an_app_that_no_longer_binds_a_trigger_is_forgotten(site: Site, trace: Trace) -> None:
    old = await site.app(trace.app("a", "one", triggers=(Trigger.DAY, Trigger.HOUR)))
    node = await site.scheduler()
    await old.close()
    site.apps.pop()
    await site.app(trace.app("a", "one", triggers=(Trigger.HOUR,)))
    await eventually(
        lambda: (
            bool(node.discovery._directory.instances)
            and not node.discovery._directory.apps_bound_to(DAY)
        )
    )
    await site.go_to(at("2026-11-01T00:00:00"))
    states = {state.key: state.apps for state in await site.store.triggers.states()}
    assert states == {HOUR: ("a",), DAY: ()}
    assert [(one.key, one.failed) for one in await all_firings(site)] == [(HOUR, 0)]


async def all_firings(site: Site) -> list[Firing]:
    found = []
    for key in (MINUTE, HOUR, DAY):
        found += await site.store.triggers.firings(key, limit=100)
    return found
