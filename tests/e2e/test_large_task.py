"""100,000 rows: each right, in order, and in flat memory."""

from __future__ import annotations

import pytest

from tests.servers.cluster import Client, Cluster, Running, client_of, id2_output, numbered_csv

MIB = 1024 * 1024


def run(client: Client, rows: int) -> None:
    task_id = client.create("skel", "id2", numbered_csv(rows))
    client.begin(task_id)
    document = client.wait_for_end(task_id, within_s=120)
    assert document["status"] == "success", document
    assert document["success_count"] == rows
    assert client.output(task_id) == id2_output(rows)


@pytest.mark.timeout(240)
def test_a_hundred_thousand_rows_take_the_memory_of_a_thousand(cluster: Cluster) -> None:
    account_id, token = cluster.account()
    api, url = cluster.api()
    processes: dict[str, Running] = {
        "api": api,
        "scheduler": cluster.scheduler(),
        "app": cluster.app("tests.apps.fast:app"),
    }
    with client_of(url, account_id, token) as client:
        client.wait_for_action("skel", "id2")
        run(client, 1_000)
        before = {name: process.peak_memory for name, process in processes.items()}
        run(client, 100_000)
        grown = {
            name: (process.peak_memory - before[name]) / MIB for name, process in processes.items()
        }

    assert all(growth <= 50 for growth in grown.values()), grown
