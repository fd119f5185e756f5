"""`kztasks accounts` works on the database of `kztasks dev`, whether dev runs or not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.servers.cluster import Cluster, Running, eventually


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Cluster]:
    """A folder in which somebody works; no broker and no database are needed."""
    cluster = Cluster(tmp_path, {})
    yield cluster
    cluster.close()


def dev(here: Cluster) -> tuple[Running, str]:
    """A running dev, as it is without options, and its address."""
    running = here.start("dev", "dev", "--port", "0", "--no-sample", cwd=here.folder)
    found = eventually(
        "dev serves", lambda: re.search(r"serves (http://\S+)", running.log.read_text())
    )
    return running, found[1]


def say(
    here: Cluster, *arguments: str, status: int = 0, settings: Mapping[str, str] | None = None
) -> str:
    """Run `kztasks accounts`; what it prints."""
    ran = here.start("accounts", "accounts", *arguments, cwd=here.folder, settings=settings)
    assert ran.process.wait(40) == status, ran.log.read_text()
    return ran.log.read_text()


def word_after(text: str, name: str) -> str:
    words = text.split()
    return words[words.index(name) + 1]


def test_while_dev_runs_its_accounts_are_meant_and_take_effect_at_once(here: Cluster) -> None:
    _, url = dev(here)
    added = say(here, "add", "Mine")
    account_id, token = word_after(added, "account"), word_after(added, "token")
    key = word_after(say(here, "key", account_id), "key")
    tasks = f"{url}/v2/accounts/{account_id}/tasks"

    assert "kztasks dev" in added, "whoever thinks of another database is told"
    assert httpx.get(tasks, headers={"X-Auth-Token": token}).status_code == 200
    logged_in = httpx.put(f"{url}/v2/api_auth", json={"data": {"api_key": key}})
    assert logged_in.status_code == 201
    assert {"Mine", "dev"} <= set(say(here, "list").replace("│", " ").split())
    say(here, "disable", account_id)
    assert httpx.get(tasks, headers={"X-Auth-Token": token}).status_code == 423


def test_a_folder_can_be_named_also_when_dev_does_not_run(here: Cluster) -> None:
    running, _ = dev(here)
    assert "Mine" in say(here, "--folder", "var", "add", "Mine") + say(here, "list")
    running.terminate()
    added = say(here, "--folder", "var", "add", "Later")
    _, url = dev(here)
    account_id, token = word_after(added, "account"), word_after(added, "token")

    found = httpx.get(f"{url}/v2/accounts/{account_id}/tasks", headers={"X-Auth-Token": token})
    assert found.status_code == 200


def test_a_database_that_a_setting_names_is_meant_whatever_runs(
    here: Cluster, store_url: str, database_name: str
) -> None:
    dev(here)
    settings = {"mongo_url": store_url, "mongo_database": database_name}
    say(here, "add", "There", settings=settings)

    assert "There" in say(here, "list", settings=settings)
    assert "There" not in say(here, "list")


def test_a_folder_that_is_none_of_dev_is_refused_with_a_sentence(here: Cluster) -> None:
    told = say(here, "--folder", "nowhere", "list", status=1)

    assert "nowhere is no data folder" in told
    assert "Traceback" not in told
    assert not (here.folder / "nowhere").exists()
