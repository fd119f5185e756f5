"""`kztasks accounts`: what an operator types."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner, Result

from kztasks.cli.main import app
from kztasks.errors import NotFound, StoreUnavailable
from kztasks.store.interface import Account
from kztasks.store.mongo import MongoStore

pytestmark = pytest.mark.store

T = TypeVar("T")


@pytest.fixture
def run(
    store_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run the command."""
    monkeypatch.setenv("KZTASKS_MONGO_URL", store_url)
    monkeypatch.setenv("KZTASKS_MONGO_DATABASE", database_name)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["accounts", *arguments])

    return run


@pytest.fixture
def ask(store_url: str, database_name: str) -> Callable[..., object]:
    """Ask the store something."""

    def ask(question: Callable[[MongoStore], Awaitable[T]]) -> T:
        async def answer() -> T:
            store = MongoStore(store_url, database_name)
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(answer())

    return ask


def word_after(result: Result, name: str) -> str:
    assert result.exit_code == 0, result.output
    words = result.output.split()
    return words[words.index(name) + 1]


Run = Callable[..., Result]
Ask = Callable[[Callable[[MongoStore], Awaitable[Account | None]]], Account | None]


def test_an_account_is_added_with_a_token_that_works(run: Run, ask: Ask) -> None:
    added = run("add", "My company")
    account_id, token = word_after(added, "account"), word_after(added, "token")
    found = ask(lambda store: store.accounts.by_token(token))

    assert found == Account(account_id=account_id, name="My company")


def test_an_account_is_added_below_another(run: Run, ask: Ask) -> None:
    root = word_after(run("add", "Root", "--superduper"), "account")
    middle = word_after(run("add", "Middle", "--parent", root), "account")
    leaf = word_after(run("add", "Leaf", "--parent", middle), "account")
    found = ask(lambda store: store.accounts.get(leaf))
    above = ask(lambda store: store.accounts.get(root))

    assert found is not None
    assert found.tree == (root, middle)
    assert not found.superduper_admin
    assert above is not None
    assert above.superduper_admin


def test_an_account_gets_api_keys_and_loses_them(run: Run, ask: Ask) -> None:
    account_id = word_after(run("add", "A"), "account")
    first, second = (word_after(run("key", account_id), "key") for _ in range(2))
    assert len(first) == 64
    for key in (first, second):
        found = ask(lambda store, key=key: store.accounts.by_api_key(key))  # type: ignore[misc]  # binds the loop's value
        assert found is not None
    third = word_after(run("key", account_id, "--revoke"), "key")

    assert ask(lambda store: store.accounts.by_api_key(first)) is None
    assert ask(lambda store: store.accounts.by_api_key(second)) is None
    assert ask(lambda store: store.accounts.by_api_key(third)) is not None


def test_an_account_is_disabled_and_enabled(run: Run, ask: Ask) -> None:
    account_id = word_after(run("add", "A"), "account")

    def enabled() -> bool:
        found = ask(lambda store: store.accounts.get(account_id))
        assert found is not None
        return found.enabled

    assert run("disable", account_id).exit_code == 0
    assert not enabled()
    assert run("enable", account_id).exit_code == 0
    assert enabled()


def test_accounts_are_listed(run: Run) -> None:
    root = word_after(run("add", "Root", "--superduper"), "account")
    leaf = word_after(run("add", "Leaf", "--parent", root), "account")
    run("disable", leaf)
    lines = run("list").output.splitlines()
    (shown_root,) = [line for line in lines if "Root" in line]
    (shown_leaf,) = [line for line in lines if "Leaf" in line]

    assert root in shown_root
    assert "everything" in shown_root
    assert leaf in shown_leaf
    assert root in shown_leaf
    assert "disabled" in shown_leaf


@pytest.mark.parametrize(
    "arguments",
    [("key", "x"), ("disable", "x"), ("enable", "x"), ("add", "A", "--parent", "x")],
)
def test_an_account_that_is_not_there_is_told(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert isinstance(result.exception, NotFound)


def test_signing_keys_are_forgotten(run: Run) -> None:
    assert "0 keys forgotten" in run("rotate").output


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, ("KZTASKS_MONGO_URL is not set", "kztasks dev", "KZTASKS_DATA_FOLDER")),
        ("mongodb://nowhere/", ("KZTASKS_MONGO_URL says where",)),
    ],
)
def test_without_a_database_the_answer_says_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str | None, words: tuple[str, ...]
) -> None:
    async def fail(_: MongoStore) -> None:
        raise StoreUnavailable("the database did not answer")

    monkeypatch.setattr(MongoStore, "prepare", fail)
    monkeypatch.setenv("KZTASKS_DATA_FOLDER", str(tmp_path))
    if url is not None:
        monkeypatch.setenv("KZTASKS_MONGO_URL", url)
    result = CliRunner().invoke(app, ["accounts", "list"])

    assert isinstance(result.exception, StoreUnavailable)
    assert all(word in str(result.exception) for word in words)
