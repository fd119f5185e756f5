"""Schedulers that do not know that they have lost a firing, at each place where it matters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kztasks.domain.firing import CallOutcome, Firing, FiringOutcome, firing_id, missed
from kztasks.store.mongo import MongoStore
from tasks_bindings import App, Trigger
from tests.integration.triggers.kit import RunningTriggers, Site, at, eventually

HOUR = Trigger.HOUR.value
LOOKS_AND_A_FIRING = 3
MIDNIGHT = at("2026-11-01T00:00:00")

Step = Callable[[], Awaitable[Any]]


class Halting:
    """A store's triggers; before or after the first call of a method a test does something."""

    def __init__(
        self, store: MongoStore, method: str, act: Callable[[Step], Awaitable[Any]]
    ) -> None:
        self._triggers = store.triggers
        self._method = method
        self._act = act
        self._has_acted = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._triggers, name)
        if name != self._method or self._has_acted:
            return method

        async def call(*args: Any, **options: Any) -> Any:
            self._has_acted = True
            return await self._act(lambda: method(*args, **options))

        return call


def counting(calls: list[str]) -> App:
    app = App("app")

    @app.trigger(Trigger.HOUR)
    async def first() -> None:
        calls.append("first")

    @app.trigger(Trigger.HOUR)
    async def second() -> None:
        calls.append("second")

    return app


async def declared_dead(site: Site, node: RunningTriggers, heir: RunningTriggers) -> None:
    """Others take a living scheduler for dead, and one of them runs its firing to the end."""
    await site.store.nodes.remove(node.node_id)
    async with asyncio.timeout(20):
        while not any(
            one.outcome is not FiringOutcome.RUNNING and one.epoch > 1
            for one in await site.store.triggers.firings(HOUR, limit=9)
        ):
            await heir.triggers.look()
            await asyncio.sleep(0)


async def a_rivalry(site: Site, method: str, *, acts_first: bool, is_held: bool = False) -> None:
    """A scheduler stands still at a call of the store; meanwhile another one has its firing."""
    nodes: list[RunningTriggers] = []

    async def act(step: Step) -> Any:
        result = None if acts_first else await step()
        if is_held:
            site.fenced.add(nodes[0].node_id)
        await declared_dead(site, nodes[0], nodes[1])
        if not is_held:
            site.fenced.clear()
        return await step() if acts_first else result

    nodes.append(await site.scheduler(store=Halting(site.store, method, act)))
    site.fenced.add("n1")
    nodes.append(await site.scheduler())
    site.clock.set(MIDNIGHT)
    await eventually(lambda: nodes[0].triggers.running == 1)
    site.fenced.discard("n1")
    if is_held:
        await eventually(lambda: site.clock.sleeping == LOOKS_AND_A_FIRING)
        site.fenced.clear()
        site.clock.set(MIDNIGHT)
    await site.settled()


@pytest.mark.parametrize("method", ["record", "rewrite"])
async def test_one_that_lost_a_firing_before_it_wrote_makes_no_call(
    site: Site, method: str
) -> None:
    calls: list[str] = []
    await site.app(counting(calls))
    await a_rivalry(site, method, acts_first=True)
    assert calls == ["first", "second"]
    (firing,) = await site.store.triggers.firings(HOUR, limit=9)
    assert (firing.epoch, firing.made, firing.outcome) == (2, 2, FiringOutcome.DONE)


async def test_one_that_lost_a_firing_that_still_runs_elsewhere_makes_no_call_in_it(
    site: Site,
) -> None:
    calls: list[str] = []
    reached, goes_on = asyncio.Event(), asyncio.Event()
    app = App("app")

    @app.trigger(Trigger.HOUR)
    async def first() -> None:
        calls.append("first")
        reached.set()
        await goes_on.wait()

    @app.trigger(Trigger.HOUR)
    async def second() -> None:
        calls.append("second")

    async def act(step: Step) -> Any:
        await site.store.nodes.remove("n0")
        site.fenced.discard("n1")
        site.clock.set(MIDNIGHT)
        await reached.wait()
        return await step()

    await site.app(app)
    loser = await site.scheduler(store=Halting(site.store, "record", act))
    site.fenced.add("n1")
    await site.scheduler()
    site.clock.set(MIDNIGHT)
    await asyncio.wait_for(reached.wait(), 20)
    await eventually(lambda: loser.triggers.running == 0)
    assert calls == ["first"]
    goes_on.set()
    await site.settled()
    assert calls == ["first", "second"]
    (firing,) = await site.store.triggers.firings(HOUR, limit=9)
    assert [call.outcome for call in firing.calls] == [CallOutcome.OK, CallOutcome.OK]


async def test_one_that_stood_still_between_the_record_of_a_call_and_the_call_does_not_make_it(
    site: Site,
) -> None:
    calls: list[str] = []
    await site.app(counting(calls))
    await a_rivalry(site, "rewrite", acts_first=False, is_held=True)
    assert calls == ["second"], "the first one may have been called, for all that the heir knows"
    (firing,) = await site.store.triggers.firings(HOUR, limit=9)
    assert [call.outcome for call in firing.calls] == [CallOutcome.LOST, CallOutcome.OK]


async def test_a_firing_whose_end_is_recorded_is_closed_and_its_record_stays(site: Site) -> None:
    calls: list[str] = []
    await site.app(counting(calls))
    reached = asyncio.Event()

    async def never(_step: Step) -> None:
        reached.set()
        await asyncio.Event().wait()

    dying = await site.scheduler(store=Halting(site.store, "end", never))
    site.clock.set(MIDNIGHT)
    async with asyncio.timeout(20):
        await reached.wait()
    (before,) = await site.store.triggers.firings(HOUR, limit=9)
    await site.kill(dying)
    site.clock.set(MIDNIGHT + 900)
    await site.scheduler()
    (after,) = await site.store.triggers.firings(HOUR, limit=9)
    assert (after.took_ms, after.calls) == (before.took_ms, before.calls)
    assert calls == ["first", "second"]
    (state,) = [one for one in await site.store.triggers.states() if one.key == HOUR]
    assert state.run is None


async def test_a_moment_that_a_clock_ahead_took_for_missed_is_fired_all_the_same(
    site: Site,
) -> None:
    calls: list[str] = []
    await site.app(counting(calls))
    await site.scheduler()
    gone = missed(HOUR, [int(MIDNIGHT)], node="ahead", now=MIDNIGHT + 7200, reason="nobody")
    await site.store.triggers.record(gone)
    await site.go_to(MIDNIGHT)
    assert calls == ["first", "second"]
    found = await site.store.triggers.firing(firing_id(HOUR, int(MIDNIGHT)))
    assert found is not None
    assert (found.outcome, found.missed, found.made) == (FiringOutcome.DONE, 0, 2)


async def test_an_app_that_was_seen_without_its_binding_keeps_its_place_for_a_while(
    site: Site,
) -> None:
    calls: list[str] = []
    site.clock.set(MIDNIGHT - 60)
    both = App("app")

    @both.trigger(Trigger.HOUR, Trigger.DAY)
    def handle() -> None:
        calls.append("app")

    other = App("other")
    other.trigger(Trigger.DAY)(lambda: calls.append("other"))
    runner = await site.app(both)
    await site.scheduler(unbound_s=30.0)
    await site.app(other)
    await runner.close()
    del site.apps[0]
    without = App("app")
    without.trigger(Trigger.HOUR)(lambda: None)
    await site.app(without)
    await site.go_to(MIDNIGHT)
    states = {one.key: one.apps for one in await site.store.triggers.states()}
    assert states[Trigger.DAY.value] == ("app", "other")
    (firing,) = await site.store.triggers.firings(Trigger.DAY.value, limit=9)
    assert [call.handler.app for call in firing.calls] == ["other"]
    assert firing.outcome is FiringOutcome.DONE, "what it has dropped is nobody's failure"


async def test_what_happens_is_told_once_by_the_scheduler_that_did_it(site: Site) -> None:
    told: list[str] = []

    class Told:
        def fired(self, firing: Firing) -> None:
            told.append(firing.outcome.value)

        def called(self, key: str, call: Any) -> None:
            told.append(f"{key.rpartition('.')[2]} {call.handler.app} {call.outcome.value}")

    await site.app(counting([]))
    for _ in range(3):
        await site.scheduler(observer=Told())
    await site.go_to(MIDNIGHT)
    await site.go_to(MIDNIGHT + 3 * 3600)
    fired = ["hour app ok", "hour app ok", "done"]
    assert told == [*fired, "missed", *fired]
