"""Apps that come, leave, die and contradict each other, as whole processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.kazoo.crossbar import Crossbar, crossbar_of
from tests.e2e.protocol.apps import write_claim
from tests.servers.cluster import Client, Cluster, Running, eventually

NODE = "kztasks@h2.example.com"
SEEN_S = 1.0
GONE_AT_ONCE_S = 1.0
GONE_AFTER_DEATH_S = 10.0


@pytest.fixture
def scheduler(cluster: Cluster) -> Running:
    return cluster.scheduler(node=NODE, batch_rows="5")


@pytest.fixture
def crossbar(scheduler: Running, amqp_url: str) -> Iterator[Crossbar]:
    with crossbar_of(amqp_url, NODE) as one:
        yield one


def readiness(app: Running) -> tuple[int, list[str]]:
    """What the app's own `/readyz` says."""
    port = app.logged("ops_listening")[0]["port"]
    response = httpx.get(f"http://127.0.0.1:{port}/readyz")
    return response.status_code, response.json()["not_ready"]


@pytest.mark.timeout(90)
def test_an_app_is_in_the_lookup_soon_and_gone_soon_however_it_ends(
    cluster: Cluster, crossbar: Crossbar
) -> None:
    for end in ("terminate", "kill"):
        app = cluster.app()
        eventually("it shows up", crossbar.help, within_s=SEEN_S)
        limit = GONE_AT_ONCE_S if end == "terminate" else GONE_AFTER_DEATH_S
        started = time.monotonic()
        getattr(app, end)()
        eventually("it is gone", lambda: not crossbar.help(), within_s=limit)
        print(f"gone {time.monotonic() - started:.1f} s after {end}")  # noqa: T201


@pytest.mark.timeout(90)
def test_the_second_of_two_that_contradict_each_other_is_refused_on_both_sides(
    cluster: Cluster, scheduler: Running, crossbar: Crossbar, tmp_path: Path
) -> None:
    first = cluster.app(write_claim(tmp_path, "first"), folder=tmp_path, ops_port="0")
    eventually("it shows up", crossbar.help)
    second = cluster.app(write_claim(tmp_path, "second", "Else"), folder=tmp_path, ops_port="0")
    eventually("it is told", lambda: readiness(second)[0] == 503, within_s=5)

    assert readiness(second)[1] == [
        "tasks.words.name is refused: the app first serves it with different metadata"
    ]
    assert readiness(first) == (200, [])
    assert crossbar.help()["words"]["name"]["description"] == "Who ran it"
    [told] = second.logged("claim_refused")
    [logged] = scheduler.logged("action_refused")
    assert (told["category"], told["action"], told["serving"]) == ("words", "name", "first")
    assert (logged["category"], logged["app"], logged["serving"]) == ("words", "second", "first")
    assert (told["level"], logged["level"]) == ("error", "error")

    assert first.terminate() == 0
    eventually("its turn has come", lambda: readiness(second) == (200, []), within_s=5)
    assert crossbar.help()["words"]["name"]["description"] == "Else"


@pytest.mark.timeout(90)
def test_apps_with_the_same_metadata_share_the_rows(
    cluster: Cluster, scheduler: Running, client: Client, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        cluster.app(write_claim(tmp_path, name), folder=tmp_path)
    client.wait_for_action("words", "name")
    task_id = client.create("words", "name", b"a\n" + b"x\n" * 100)
    client.begin(task_id)
    assert client.wait_for_end(task_id)["status"] == "success"
    by = [line.split(b",")[1] for line in client.output(task_id).splitlines()[1:]]
    assert len(by) == 100
    assert {*by} == {b'"first"', b'"second"'}
