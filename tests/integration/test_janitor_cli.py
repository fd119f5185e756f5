"""`kztasks janitor`: what an operator types."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from typer.testing import CliRunner, Result

from kztasks.cli.main import app
from kztasks.store.mongo import MongoStore
from tests.integration.retention.leftovers import DAYS, ended

pytestmark = pytest.mark.store


@pytest.fixture
def run(
    store_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run the command."""
    monkeypatch.setenv("KZTASKS_MONGO_URL", store_url)
    monkeypatch.setenv("KZTASKS_MONGO_DATABASE", database_name)
    return lambda *arguments: CliRunner().invoke(app, ["janitor", *arguments])


@pytest.fixture
def work(store_url: str, database_name: str) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Do something with the store."""

    def work(step: Callable[[MongoStore], Awaitable[None]]) -> None:
        async def do() -> None:
            store = MongoStore(store_url, database_name)
            await store.prepare()
            await step(store)
            await store.close()

        asyncio.run(do())

    return work


Run = Callable[..., Result]
Work = Callable[[Callable[[MongoStore], Awaitable[None]]], None]


def counted(result: Result, name: str) -> int:
    assert result.exit_code == 0, result.output
    found = re.search(rf"{name}\s+│\s+(\d+)", result.output)
    assert found is not None, result.output
    return int(found[1])


async def one_old_task(store: MongoStore) -> None:
    """One that ended nine days ago, and one that ended now."""
    old = await ended(store)
    await ended(store)
    since = dict.fromkeys(
        ("final_since", "log_kept_since", "files_kept_since"),
        await store.retention.now() - 9 * DAYS,
    )
    await store._database["tasks"].update_one({"_id": old.id}, {"$set": since})


def test_what_is_due_is_shown_and_stays(run: Run, work: Work) -> None:
    work(one_old_task)
    for _ in range(2):
        shown = run("--dry-run")
        assert counted(shown, "logs") == 1
        assert counted(shown, "files") == 0


def test_a_round_can_be_made_at_once(run: Run, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work(one_old_task)
    assert counted(run("--now"), "logs") == 1
    assert counted(run("--now"), "logs") == 0
    monkeypatch.setenv("KZTASKS_RETAIN_FILES_DAYS", "8")
    assert counted(run("--dry-run"), "files") == 1
    assert counted(run("--now"), "files") == 1


@pytest.mark.parametrize("arguments", [[], ["--now", "--dry-run"]])
def test_one_of_the_two_has_to_be_asked_for(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_settings_that_contradict_each_other_are_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KZTASKS_RETAIN_FILES_DAYS", "1")
    assert run("--dry-run").exit_code == 1
