"""A firing happens once, and its record belongs to whoever runs it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kztasks.domain.firing import CallOutcome, Firing, Handler, HandlerCall, Run, firing_id, missed
from kztasks.errors import StoreUnavailable
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import LosingAnswers

pytestmark = pytest.mark.store

MINUTE = "tasks.triggers.minute"
T0 = 1_790_000_040


def a_run(instant: int = T0 + 60, node: str = "n1", epoch: int = 1) -> Run:
    return Run(firing_id(MINUTE, instant), instant, node, epoch)


def a_firing(run: Run) -> Firing:
    return Firing(
        id=run.firing_id,
        key=MINUTE,
        instant=run.instant,
        node="kztasks@here",
        epoch=run.epoch,
        began=run.instant + 0.25,
    )


async def test_apps_stand_in_the_order_in_which_they_were_first_bound(store: MongoStore) -> None:
    for app in ("zoo", "alpha", "zoo", "mid"):
        await store.triggers.bind(MINUTE, app, last=T0)
    assert await store.triggers.unbind(MINUTE, "alpha")
    assert not await store.triggers.unbind(MINUTE, "alpha")
    await store.triggers.bind(MINUTE, "alpha", last=T0 + 600)
    (state,) = await store.triggers.states()
    assert state.apps == ("zoo", "mid", "alpha")
    assert state.last == T0


async def test_what_is_bound_to_an_empty_trigger_does_not_fire_for_the_time_before(
    store: MongoStore,
) -> None:
    await store.triggers.bind(MINUTE, "app", last=T0)
    await store.triggers.unbind(MINUTE, "app")
    await store.triggers.bind(MINUTE, "app", last=T0 + 600)
    (state,) = await store.triggers.states()
    assert state.last == T0 + 600


async def test_of_fifty_schedulers_one_begins_a_firing(store: MongoStore) -> None:
    await store.triggers.bind(MINUTE, "app", last=T0)
    (state,) = await store.triggers.states()
    begun = await asyncio.gather(
        *(store.triggers.begin(state, a_run(node=f"n{number}")) for number in range(50))
    )
    assert sum(begun) == 1
    assert not await store.triggers.begin(state, a_run(T0 + 120, node="late"))
    assert not await store.triggers.skip(state, T0 + 120)


async def test_the_next_firing_begins_only_after_the_end_of_the_one_before(
    store: MongoStore,
) -> None:
    await store.triggers.bind(MINUTE, "app", last=T0)
    (state,) = await store.triggers.states()
    assert await store.triggers.begin(state, a_run())
    (running,) = await store.triggers.states()
    assert running.run == a_run()
    assert not await store.triggers.begin(running, a_run(T0 + 120))
    assert await store.triggers.end(MINUTE, a_run(), ended=T0 + 70)
    assert not await store.triggers.end(MINUTE, a_run(), ended=T0 + 71)
    (ended,) = await store.triggers.states()
    assert (ended.run, ended.ended, ended.last) == (None, T0 + 70, T0 + 60)
    assert await store.triggers.begin(ended, a_run(T0 + 120))


async def test_a_beginning_whose_answer_was_lost_is_known_when_it_is_repeated(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.triggers.bind(MINUTE, "app", last=T0)
    (state,) = await store.triggers.states()
    monkeypatch.setattr(store.triggers, "_triggers", LosingAnswers(store.triggers._triggers))
    with pytest.raises(StoreUnavailable):
        await store.triggers.begin(state, a_run())
    assert await store.triggers.begin(state, a_run())
    assert not await store.triggers.begin(state, a_run(node="other"))


async def test_one_of_many_takes_over_a_dead_nodes_run_and_the_old_owner_writes_no_more(
    store: MongoStore,
) -> None:
    await store.triggers.bind(MINUTE, "app", last=T0)
    (state,) = await store.triggers.states()
    await store.triggers.begin(state, a_run())
    mine = await store.triggers.record(a_firing(a_run()))
    (state,) = await store.triggers.states()
    takers = [store.triggers.take_over(state, f"t{number}") for number in range(20)]
    (taken,) = [run for run in await asyncio.gather(*takers) if run is not None]
    assert taken.epoch == 2
    assert await store.triggers.rewrite(mine)  # nobody has looked at the record since
    adopted = await store.triggers.adopt(taken)
    assert adopted is not None
    assert adopted.epoch == 2
    assert not await store.triggers.rewrite(mine)
    assert not await store.triggers.end(MINUTE, a_run(), ended=T0 + 70)
    assert await store.triggers.rewrite(adopted)
    assert await store.triggers.end(MINUTE, taken, ended=T0 + 70)


async def test_a_record_comes_back_as_it_was_written(store: MongoStore) -> None:
    run = a_run()
    one, two = Handler("app", "first"), Handler("app", "second")
    firing = await store.triggers.record(a_firing(run))
    firing = firing.beginning(one).with_call(
        HandlerCall(one, CallOutcome.CRASHED, 12, error="ValueError: no")
    )
    firing = replace(firing.beginning(two, "accounts"), databases=7)
    assert await store.triggers.rewrite(firing)
    assert await store.triggers.firing(firing.id) == firing
    assert await store.triggers.record(a_firing(run)) == firing
    assert await store.triggers.firing("none") is None


async def test_records_are_listed_with_the_latest_moment_first(store: MongoStore) -> None:
    for number in (2, 1, 3):
        await store.triggers.record(a_firing(a_run(T0 + 60 * number)))
    gone = missed(MINUTE, range(T0 + 240, T0 + 480, 60), node="n", now=T0 + 500, reason="asleep")
    await store.triggers.record(gone)
    found = await store.triggers.firings(MINUTE, limit=3)
    assert [one.instant for one in found] == [T0 + 420, T0 + 180, T0 + 120]
    assert found[0] == gone
    assert (gone.missed, gone.missed_from) == (4, T0 + 240)


async def test_a_firing_can_be_asked_for_once_at_a_time(store: MongoStore) -> None:
    assert not await store.triggers.request(MINUTE, "r1")
    await store.triggers.bind(MINUTE, "app", last=T0)
    assert await store.triggers.request(MINUTE, "r1")
    assert not await store.triggers.request(MINUTE, "r2")
    (state,) = await store.triggers.states()
    assert state.requested == "r1"
    assert await store.triggers.begin(state, a_run())
    (state,) = await store.triggers.states()
    assert state.requested is None


async def test_the_servers_databases_are_listed_by_name(
    store: MongoStore, database_name: str
) -> None:
    await store.triggers.bind(MINUTE, "app", last=T0)
    found = await store.triggers.databases()
    assert database_name in found
    assert found == sorted(found)
