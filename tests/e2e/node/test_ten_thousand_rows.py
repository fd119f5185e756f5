"""An app in plain Node.js, without a line of ours, is discovered and runs a task."""

from __future__ import annotations

import pytest

from tests.servers.cluster import Client, Cluster, Running, eventually

ROWS = 10_000


def text_of(row: int) -> str:
    """A text with one to five words."""
    return " ".join(f"w{row}" for _ in range(1 + row % 5))


@pytest.mark.timeout(120)
def test_ten_thousand_rows_go_through_an_app_in_node(
    cluster: Cluster, client: Client, node_app: Running
) -> None:
    cluster.scheduler()
    client.wait_for_action("words", "count")
    lines = (f"{text_of(row)},{'en' if row % 100 else 'english'}\n" for row in range(1, ROWS + 1))
    task_id = client.create("words", "count", ("text,language\n" + "".join(lines)).encode())
    client.begin(task_id)
    document = client.wait_for_end(task_id, within_s=90)

    total, expected = 0, ['"text","language","words","total"']
    for row in range(1, ROWS + 1):
        words = 1 + row % 5
        if row % 100:
            total += words
            expected.append(f'"{text_of(row)}","en","{words}","{total}"')
        else:
            expected.append(f'"{text_of(row)}","english","bad field(s) language",')
    assert document["status"] == "partial", document
    assert (document["success_count"], document["failure_count"]) == (9_900, 100)
    assert client.output(task_id).decode().splitlines() == expected
    finished = eventually("the hook is called", lambda: node_app.logged("finished"), within_s=5)
    assert finished[0] == {"event": "finished", "action": "count", "total": total}
    assert node_app.terminate() == 0


@pytest.mark.timeout(60)
def test_an_app_in_node_that_ends_is_gone_from_the_lookup(
    cluster: Cluster, client: Client, node_app: Running
) -> None:
    cluster.scheduler()
    client.wait_for_action("words", "count")
    assert node_app.terminate() == 0
    query = {"category": "words", "action": "count"}
    eventually(
        "it is gone",
        lambda: client.http.get("/v2/tasks", params=query).status_code == 404,
        within_s=2,
    )
