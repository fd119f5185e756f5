"""An app that cannot verify is not asked to, and the client is told so."""

from __future__ import annotations

from tests.servers.cluster import Client, Cluster, Running


def test_a_dry_run_on_the_app_in_node_says_that_nothing_was_verified(
    cluster: Cluster, client: Client, node_app: Running
) -> None:
    cluster.scheduler()
    client.wait_for_action("words", "count")
    response = client.http.put(
        client.tasks,
        params={"category": "words", "action": "count", "validate_only": "true"},
        content=b"text,language\nhello,English\n",
        headers={"Content-Type": "text/csv"},
    )

    assert response.status_code == 200, response.text
    assert response.json()["data"] == {
        "valid": True,
        "rows": 1,
        "columns": ["text", "language"],
        "verified": False,
        "failed_rows": None,
        "failed_cells": None,
        "failures": [],
    }
    assert node_app.logged("message_refused") == []
