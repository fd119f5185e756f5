"""The database goes away under two schedulers; who asks them is told so, in time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from kztasks.store.embedded import EmbeddedStore
from tests.e2e.kazoo.conftest import Site
from tests.servers.cluster import eventually, numbered_csv


@pytest.fixture
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A database that this test may disturb."""
    folder = tmp_path_factory.mktemp("own-store")
    server = EmbeddedStore(folder)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
def store_url(own_store: EmbeddedStore) -> str:
    """In place of the one that all tests share."""
    return own_store.url


def die(store: EmbeddedStore) -> None:
    asyncio.run(store.kill())


def come_back(store: EmbeddedStore) -> None:
    asyncio.run(store.restart())


def fall_silent(store: EmbeddedStore) -> None:
    assert store.pid is not None
    os.kill(store.pid, signal.SIGSTOP)


def speak_again(store: EmbeddedStore) -> None:
    assert store.pid is not None
    os.kill(store.pid, signal.SIGCONT)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("leave", "come_again"), [(die, come_back), (fall_silent, speak_again)])
def test_a_store_that_is_down_is_told_and_not_met_with_silence(
    own_store: EmbeddedStore,
    site: Site,
    leave: Callable[[EmbeddedStore], None],
    come_again: Callable[[EmbeddedStore], None],
) -> None:
    task_id = site.client.create("slow", "copy", numbered_csv(10))
    leave(own_store)
    try:
        for event in ("start", "stop", "remove") * 2:
            assert site.crossbar.ask(event, Task_ID=task_id).reply == "unavailable"
        assert site.crossbar.help()["slow"], "what the apps serve is known without the database"
    finally:
        come_again(own_store)
    eventually(
        "it is as before",
        lambda: site.crossbar.ask("stop", Task_ID=task_id).reply != "unavailable",
        within_s=40,
    )
    assert site.all_alive()
