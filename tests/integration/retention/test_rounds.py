"""Several schedulers, of which one at a time makes a round."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from kztasks.errors import StoreUnavailable
from kztasks.scheduler.janitor import Janitor
from kztasks.scheduler.sweep import Swept
from kztasks.store.mongo import MongoStore
from kztasks.store.retention import Round
from tests.integration.retention.leftovers import (
    KEEP,
    RECORDS,
    StoreWith,
    ended,
    upload,
)

pytestmark = pytest.mark.store

INTERVAL_S = 0.3


class Shifted:
    """The janitor's part of a store whose rounds begin so much later."""

    def __init__(self, retention: Any, by: timedelta) -> None:
        self._retention = retention
        self.by = by

    def __getattr__(self, name: str) -> Any:
        return getattr(self._retention, name)

    async def begin_round(self, after: int) -> Round | None:
        begun: Round | None = await self._retention.begin_round(after)
        return Round(begun.number, begun.now + self.by) if begun is not None else None


def a_janitor(store: Any, *, interval_s: float = INTERVAL_S) -> Janitor:
    return Janitor(store, KEEP, interval_s=interval_s, pause_s=0.0)


@pytest.fixture
async def janitors(store: MongoStore) -> AsyncIterator[list[Janitor]]:
    """Of three schedulers, for whom a day and an hour have gone by since the test began."""
    late = StoreWith(store, retention=Shifted(store.retention, timedelta(hours=25)))
    janitors = [a_janitor(late) for _ in range(3)]
    running = [asyncio.create_task(one.run()) for one in janitors]
    yield janitors
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def until(holds: Any) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_one_of_several_removes_what_is_due(
    store: MongoStore, janitors: list[Janitor]
) -> None:
    for _ in range(3):
        await ended(store)
    await until(lambda: sum(one.totals.logs for one in janitors) == 3)
    assert sorted(one.totals.logs for one in janitors) == [0, 0, 3]


async def test_rounds_are_an_interval_apart_however_many_schedulers_there_are(
    store: MongoStore, janitors: list[Janitor]
) -> None:
    await until(lambda: sum(one.rounds for one in janitors) >= 1)
    began, before = time.monotonic(), await store.retention.round()
    await until(lambda: sum(one.rounds for one in janitors) >= 4)
    made = await store.retention.round() - before
    assert made <= (time.monotonic() - began) / INTERVAL_S + 1


async def test_a_round_whose_janitor_died_is_made_by_another_one_later(
    store: MongoStore, janitors: list[Janitor]
) -> None:
    await ended(store)
    assert await store.retention.begin_round(await store.retention.round()) is not None
    await until(lambda: sum(one.totals.logs for one in janitors) == 1)


async def test_a_round_ends_when_another_one_has_begun(store: MongoStore) -> None:
    """A janitor that stood still does not go on beside the next one."""
    for _ in range(3):
        await ended(store)
    late = Shifted(store.retention, timedelta(hours=25))
    janitor = a_janitor(StoreWith(store, retention=late))
    number = await store.retention.round()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(late, name)

        async def due(self, *args: Any, **options: Any) -> Any:
            assert await store.retention.begin_round(await store.retention.round())
            return await late.due(*args, **options)

    janitor._store = StoreWith(store, retention=Slow())
    swept = await janitor.make_round(number)
    assert swept is not None
    assert swept.left_behind == 0
    assert swept.logs == 3


async def test_a_round_that_the_store_ends_early_counts_what_it_did(store: MongoStore) -> None:
    await ended(store)
    late = Shifted(store.retention, timedelta(hours=25))

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(late, name)

        async def loose_ends(self, *_: Any, **__: Any) -> Any:
            raise StoreUnavailable("the disk is full")

    janitor = a_janitor(StoreWith(store, retention=Failing()))
    with pytest.raises(StoreUnavailable):
        await janitor.make_round(await store.retention.round())
    assert (janitor.totals, janitor.rounds) == (Swept(logs=1), 1)


async def test_a_leap_of_the_databases_clock_removes_nothing(store: MongoStore) -> None:
    """Of a server that takes over, or whose clock is set: a day forward in the blink of an eye."""
    task = await ended(store)
    await upload(store, "f" * 30 + ".in.csv")
    clock = Shifted(store.retention, timedelta())
    janitor = a_janitor(StoreWith(store, retention=clock))
    await janitor.make_round(await store.retention.round())
    clock.by = timedelta(days=2)
    for _ in range(2):
        await janitor.make_round(await store.retention.round())
    assert janitor.totals == Swept()
    assert len([one async for one in store.log.records(task.id)]) == RECORDS
