"""Processes are killed in the middle; no output row is lost or doubled."""

from __future__ import annotations

import pytest

from tests.servers.cluster import Client, Cluster, eventually, id2_output, numbered_csv

ROWS = 2_000
SLOW = "tests.apps.slow:app"


@pytest.mark.timeout(120)
def test_an_app_that_is_killed_in_the_middle_of_a_batch_costs_no_row(
    cluster: Cluster, client: Client
) -> None:
    cluster.scheduler()
    victim = cluster.app(SLOW)
    client.wait_for_action("slow", "copy")
    task_id = client.create("slow", "copy", numbered_csv(ROWS))
    client.begin(task_id)
    client.wait_until(task_id, lambda document: document.get("success_count", 0) > 50)
    cluster.app(SLOW)
    victim.kill()
    document = client.wait_for_end(task_id, within_s=90)

    assert document["status"] == "success", document
    assert document["success_count"] == ROWS
    assert client.output(task_id) == id2_output(ROWS)


@pytest.mark.timeout(120)
def test_a_scheduler_that_is_killed_is_replaced_by_another(
    cluster: Cluster, client: Client
) -> None:
    quick = {"beat_s": "0.2", "fence_s": "1", "node_ttl_s": "3"}
    victim = cluster.scheduler(**quick)
    cluster.app(SLOW)
    client.wait_for_action("slow", "copy")
    task_id = client.create("slow", "copy", numbered_csv(ROWS))
    client.begin(task_id)
    client.wait_until(task_id, lambda document: document.get("success_count", 0) > 50)
    heir = cluster.scheduler(**quick)
    victim.kill()
    document = client.wait_for_end(task_id, within_s=90)

    assert document["status"] == "success", document
    assert client.output(task_id) == id2_output(ROWS)
    eventually("the heir has taken over", lambda: heir.logged("task_taken_over"), within_s=5)


@pytest.mark.timeout(120)
def test_a_scheduler_that_leaves_hands_its_tasks_on_at_once(
    cluster: Cluster, client: Client
) -> None:
    leaving = cluster.scheduler()
    cluster.app(SLOW)
    client.wait_for_action("slow", "copy")
    task_id = client.create("slow", "copy", numbered_csv(ROWS))
    client.begin(task_id)
    client.wait_until(task_id, lambda document: document.get("success_count", 0) > 50)
    heir = cluster.scheduler()
    assert leaving.terminate() == 0
    eventually("the heir has taken over", lambda: heir.logged("task_taken_over"), within_s=5)
    document = client.wait_for_end(task_id, within_s=90)

    assert document["status"] == "success", document
    assert client.output(task_id) == id2_output(ROWS)
