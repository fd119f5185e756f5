"""`kztasks triggers`: what an operator types."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from kztasks.cli.main import app
from kztasks.domain.firing import CallOutcome, Firing, Handler, HandlerCall, firing_id, missed
from kztasks.errors import Conflict, NotFound
from kztasks.store.mongo import MongoStore

pytestmark = pytest.mark.store

DAY = "tasks.triggers.day"
T0 = 1_795_564_800
Run = Callable[..., Result]


async def _fill(store: MongoStore) -> None:
    await store.triggers.bind(DAY, "billing", last=T0)
    await store.triggers.bind("tasks.triggers.account", "billing", last=T0)
    handler = Handler("billing", "rollover")
    firing = Firing(id=firing_id(DAY, T0), key=DAY, instant=T0, node="n", epoch=1, began=T0 + 1.5)
    firing = firing.with_call(HandlerCall(handler, CallOutcome.CRASHED, 3, error="ValueError: no"))
    await store.triggers.record(firing.ending(T0 + 2))
    gone = missed(DAY, [T0 - 86_400], node="n", now=T0, reason="no scheduler was there")
    await store.triggers.record(gone)


@pytest.fixture
def run(store_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("KZTASKS_MONGO_URL", store_url)
    monkeypatch.setenv("KZTASKS_MONGO_DATABASE", database_name)
    monkeypatch.setenv("COLUMNS", "200")

    async def fill() -> None:
        store = MongoStore(store_url, database_name)
        await store.prepare()
        await _fill(store)
        await store.close()

    asyncio.run(fill())
    return lambda *arguments: CliRunner().invoke(app, ["triggers", *arguments])


def test_a_list_has_each_trigger_with_its_apps_its_last_firing_and_the_next(run: Run) -> None:
    shown = run("list").output
    (day,) = [line for line in shown.splitlines() if " day " in line]
    for part in ("billing", "2026-11-25 00:00:00", "failed", "500 ms"):
        assert part in day
    (account,) = [line for line in shown.splitlines() if " account " in line]
    assert "billing" in account


def test_a_triggers_firings_say_what_went_wrong(run: Run) -> None:
    first, second = [line for line in run("show", "day").output.splitlines() if "2026-11-2" in line]
    assert "billing rollover" in first
    assert "crashed (ValueError: no)" in first
    assert "missed" in second
    assert "no scheduler was there" in second


def test_a_firing_is_asked_for_once(run: Run) -> None:
    assert run("fire", "day").exit_code == 0
    assert isinstance(run("fire", "day").exception, Conflict)


def test_what_cannot_be_done_is_said(run: Run) -> None:
    assert isinstance(run("fire", "account").exception, Conflict)
    assert isinstance(run("show", "week").exception, NotFound)
    assert run("forget", "day", "billing").exit_code == 0
    assert isinstance(run("forget", "day", "billing").exception, NotFound)
