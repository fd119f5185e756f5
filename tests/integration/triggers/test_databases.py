"""Database triggers: a pass over all databases, one call after another."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from kztasks.domain.firing import DATABASES, CallOutcome, FiringOutcome
from kztasks.store.mongo import MongoStore
from tasks_bindings import ALL_DBS, App, Trigger
from tests.integration.triggers.kit import Site, at, eventually

ACCOUNT = "4e1d0f3ab2c59688776655443322{:04x}"
NAMES = (
    *(ACCOUNT.format(number) for number in range(200)),
    *(f"{ACCOUNT.format(number)}-2026{month:02}" for number in range(70) for month in (9, 10, 11)),
    *(f"numbers-{number}" for number in range(86)),
    "accounts", "services", "port_requests", "token_auth", "admin", "local",
)  # fmt: skip
DAY_S = 86_400


class Databases:
    """A store's triggers with other databases."""

    def __init__(self, store: MongoStore, names: tuple[str, ...]) -> None:
        self._triggers = store.triggers
        self._names = names

    async def databases(self) -> list[str]:
        return sorted(self._names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._triggers, name)


async def test_five_hundred_databases_are_gone_over_in_series_with_a_hang_and_a_crash(
    site: Site,
) -> None:
    assert len(NAMES) == 502
    calls: list[tuple[str, str]] = []
    running: list[str] = []
    overlaps: list[str] = []

    async def note(name: str, database: str) -> None:
        overlaps.extend(running)
        running.append(name)
        await asyncio.sleep(0)
        calls.append((name, database))
        running.clear()

    first, second = App("first"), App("second")

    @first.trigger(*ALL_DBS)
    async def every(database: str) -> None:
        await note("every", database)

    @first.trigger(Trigger.ACCOUNT)
    async def hangs(database: str) -> None:
        if database == ACCOUNT.format(7):
            await asyncio.Event().wait()
        await note("hangs", database)

    @second.trigger(Trigger.SYSTEM, Trigger.ACCOUNT_MOD)
    async def crashes(database: str) -> None:
        await note("crashes", database)
        if database in {"accounts", "services"}:
            raise RuntimeError(database)

    store = Databases(site.store, NAMES)
    await site.app(first)
    await site.scheduler(store=store, timeout_s=0.2)
    await site.app(second)
    for _ in range(2):
        await site.scheduler(store=store, timeout_s=0.2)
    await site.go_to(at("2026-10-31T23:54:30") + DAY_S)
    assert overlaps == []
    assert Counter(name for name, _ in calls) == {"every": 500, "hangs": 199, "crashes": 214}
    assert [one for name, one in calls if name == "every"] == sorted(NAMES[:-2])
    assert calls[:3] == [
        ("every", ACCOUNT.format(0)),
        ("hangs", ACCOUNT.format(0)),
        ("every", f"{ACCOUNT.format(0)}-202609"),
    ]
    (firing,) = await site.store.triggers.firings(DATABASES, limit=10)
    assert (firing.outcome, firing.made, firing.failed) == (FiringOutcome.FAILED, 914, 3)
    assert [(call.database, call.outcome) for call in firing.calls] == [
        (ACCOUNT.format(7), CallOutcome.TIMEOUT),
        ("accounts", CallOutcome.CRASHED),
        ("services", CallOutcome.CRASHED),
    ]


async def test_a_pass_follows_an_interval_after_the_end_of_the_one_before_or_on_demand(
    site: Site,
) -> None:
    passes: list[float] = []
    app = App("app")

    @app.trigger(Trigger.SYSTEM)
    def one(_database: str) -> None:
        passes.append(site.clock.now() - start)

    await site.app(app)
    await site.scheduler(store=Databases(site.store, ("accounts",)), interval_s=600)
    start = at("2026-10-31T23:54:30")
    for second in (599, 600, 1199, 1200, 1210, 1215):
        await site.go_to(start + second)
        if second == 1210:
            await site.store.triggers.request(DATABASES, "by hand")
    for second in (1814, 1815):
        await site.go_to(start + second)
    assert passes == [600, 1200, 1215, 1815]


@pytest.mark.parametrize("position", [1, 40, 99])
async def test_a_pass_whose_scheduler_dies_goes_on_elsewhere_after_the_call_that_ran(
    site: Site, position: int
) -> None:
    names = tuple(f"other-{number:03}" for number in range(100))
    calls: list[str] = []
    reached, goes_on = asyncio.Event(), asyncio.Event()
    app = App("app")

    @app.trigger(Trigger.OTHER)
    async def one(database: str) -> None:
        calls.append(database)
        if database == names[position]:
            reached.set()
            await goes_on.wait()

    @app.trigger(Trigger.OTHER)
    async def two(database: str) -> None:
        calls.append(f"{database} again")

    await site.app(app)
    store = Databases(site.store, names)
    nodes = [await site.scheduler(store=store) for _ in range(2)]
    site.clock.set(at("2026-11-01T23:54:30"))
    async with asyncio.timeout(20):
        await reached.wait()
    (owner,) = [node for node in nodes if node.triggers.running]
    await site.kill(owner)
    goes_on.set()
    site.clock.set(at("2026-11-01T23:54:31"))
    await site.settled()
    assert calls == [call for name in names for call in (name, f"{name} again")]
    (firing,) = await site.store.triggers.firings(DATABASES, limit=10)
    assert (firing.made, firing.failed, firing.epoch) == (200, 1, 2)
    assert [(call.database, call.outcome) for call in firing.calls] == [
        (names[position], CallOutcome.LOST)
    ]


async def test_the_databases_of_the_server_itself_are_gone_over(
    site: Site, database_name: str
) -> None:
    seen: list[str] = []
    app = App("app")
    app.trigger(*ALL_DBS)(seen.append)
    await site.app(app)
    await site.scheduler()
    await site.go_to(at("2026-11-01T23:54:30"))
    await eventually(lambda: bool(seen))
    assert database_name in seen
    assert not {"admin", "local", "config"} & set(seen)
