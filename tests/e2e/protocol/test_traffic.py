"""What really travels is what the published JSON Schemas say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.e2e.protocol.apps import write_claim, write_mortal, write_zoo
from tests.servers.cluster import ROOT, Client, Cluster, eventually, numbered_csv
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.stranger import Stranger, stranger

SCHEMAS = ROOT / "docs" / "protocol" / "schemas"
DEATHS = 3
"""So many processes die of a batch before it is dead."""


@pytest.fixture
def tap(rabbitmq: Rabbitmq, amqp_url: str) -> Iterator[Stranger]:
    """Hears a copy of everything that is published in the test's virtual host."""
    vhost = amqp_url.rsplit("/", 1)[1]
    rabbitmq.evaluate(f'rabbit_trace:start(<<"{vhost}">>)')
    with stranger(amqp_url) as one:
        one.bind("amq.rabbitmq.trace", "publish.#")
        yield one
    rabbitmq.evaluate(f'rabbit_trace:stop(<<"{vhost}">>)')


def problems(kind: str, content: Any) -> list[str]:
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text())
    return [
        f"{kind}: {'.'.join(map(str, one.absolute_path))}: {one.message[:300]}"
        for one in Draft202012Validator(schema).iter_errors(content)
    ]


def zoo_rows() -> bytes:
    """A row for each return, one that crashes, one that a verifier refuses."""
    kinds = ["ok", "data", "error", "row", "map", "rows", "list", "other", "pair", "text"]
    rows = [f"{kind},yes" for kind in (*kinds, "unknown", "slow")] + ["ok,no", "end,yes"]
    return ("which,guarded\n" + "\n".join(rows) + "\n").encode()


def run_tasks(client: Client) -> None:
    """A dry run, a task with every return, one with a file, and four that are stopped."""
    dry_run = client.http.put(
        client.tasks,
        params={"category": "zoo", "action": "all", "validate_only": "true"},
        content=zoo_rows(),
        headers={"Content-Type": "text/csv"},
    )
    assert dry_run.json()["data"]["failed_rows"] == 1, dry_run.text
    every = [client.create("zoo", "all", zoo_rows()), client.create("zoo", "dump", None)]
    stopped = [client.create("slow", "copy", numbered_csv(20_000)) for _ in range(4)]
    for task_id in (*every, *stopped):
        client.begin(task_id)
    # Two schedulers take turns; in this order not every stop comes to the one that owns the task.
    for task_id in (*stopped[::2], *stopped[1::2]):
        client.wait_until(task_id, lambda document: document.get("success_count", 0) > 0)
        client.stop(task_id)
    for task_id in (*every, *stopped):
        client.wait_for_end(task_id)


def run_faults(cluster: Cluster, client: Client, tmp_path: Path) -> None:
    """A task whose file the app refuses to give away, and one of which every process dies."""
    leak = client.create("zoo", "leak", None)
    client.begin(leak)
    assert "bad_file" in client.wait_for_end(leak)["reason"]

    target = write_mortal(tmp_path)
    mortals = [cluster.app(target, folder=tmp_path) for _ in range(DEATHS)]
    client.wait_for_action("mortal", "die")
    poisoned = client.create("mortal", "die", b"a\nx\n")
    client.begin(poisoned)
    for mortal in mortals:
        assert mortal.process.wait(20) == 1
    client.wait_until(poisoned, lambda document: "waiting_for" in document)
    client.stop(poisoned)
    client.wait_for_end(poisoned)


@pytest.mark.timeout(150)
def test_all_traffic_with_apps_fits_the_schemas(
    cluster: Cluster, client: Client, tap: Stranger, tmp_path: Path
) -> None:
    running = [cluster.scheduler(), cluster.scheduler(), cluster.app("tests.apps.slow:app")]
    targets = (write_zoo(tmp_path), write_claim(tmp_path, "one"))
    running.extend(cluster.app(target, folder=tmp_path) for target in targets)
    for category, action in (("slow", "copy"), ("zoo", "dump"), ("words", "name")):
        client.wait_for_action(category, action)
    refused = cluster.app(write_claim(tmp_path, "two", "Another"), folder=tmp_path)
    eventually("it is told", lambda: refused.logged("claim_refused"), within_s=10)
    run_tasks(client)
    run_faults(cluster, client, tmp_path)
    for one in (*running, refused):
        one.terminate()

    typed = [
        (copy.headers["properties"]["type"], copy.json)
        for copy in tap.drain(quiet_s=1.0)
        if "type" in copy.headers["properties"]
    ]
    assert [problem for kind, content in typed for problem in problems(kind, content)] == []
    seen, published = {kind for kind, _ in typed}, {path.stem for path in SCHEMAS.glob("*.json")}
    assert seen == published
