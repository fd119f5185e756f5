"""The session of the README: discover, create, start, watch, fetch, stop, delete."""

from __future__ import annotations

import time

from tests.servers.cluster import Client, Cluster, eventually, id2_output, numbered_csv


def test_a_csv_goes_in_and_an_output_csv_comes_out(cluster: Cluster, client: Client) -> None:
    cluster.scheduler()
    cluster.app()
    client.wait_for_action("skel", "id2")

    task_id = client.create("skel", "id2", numbered_csv(3))
    assert client.read(task_id)["status"] == "pending"
    assert client.begin(task_id)["status"] == "executing"
    document = client.wait_for_end(task_id)

    assert document["status"] == "success"
    assert (document["total_count"], document["success_count"]) == (3, 3)
    assert client.output(task_id) == id2_output(3)
    assert client.http.delete(f"{client.tasks}/{task_id}").status_code == 200
    assert client.http.get(f"{client.tasks}/{task_id}").status_code == 404


def test_with_the_default_pause_ten_rows_take_about_five_seconds_and_progress_moves(
    cluster: Cluster, client: Client
) -> None:
    cluster.scheduler()
    cluster.app()
    client.wait_for_action("skel", "id2")
    task_id = client.create("skel", "id2", numbered_csv(10))
    client.begin(task_id)
    began = time.monotonic()
    seen: list[int] = []
    while (document := client.read(task_id))["status"] == "executing":
        seen.append(document.get("success_count", 0))
        time.sleep(0.1)
    took = time.monotonic() - began

    assert 9 * 0.5 <= took <= 7.0
    assert len(set(seen)) >= 4, "the counts of the document move while the task runs"
    assert document["status"] == "success"


def test_a_stop_takes_effect_within_a_second_and_leaves_a_correct_prefix(
    cluster: Cluster, client: Client
) -> None:
    cluster.scheduler()
    cluster.app()
    client.wait_for_action("skel", "id2")
    task_id = client.create("skel", "id2", numbered_csv(1000))
    client.begin(task_id)
    client.wait_until(task_id, lambda document: document.get("success_count", 0) >= 2)
    asked = time.monotonic()
    client.stop(task_id)
    document = client.wait_for_end(task_id, within_s=5)

    assert time.monotonic() - asked <= 2.0
    assert document["status"] == "stopped"
    rows = document["success_count"]
    assert 2 <= rows < 1000
    assert client.output(task_id) == id2_output(rows)


def test_an_app_of_twenty_lines_shows_up_at_once_and_its_rows_run(
    cluster: Cluster, client: Client
) -> None:
    (cluster.folder / "shout.py").write_text(
        "from tasks_bindings import App, Category, row\n\n"
        'words = Category("words")\n\n\n'
        '@words.csv_action("shout", description="Upper-case a word", mandatory=["word"],\n'
        '                  output_header=["shouted"], wait_after_row_ms=0)\n'
        "def shout(context, data, args):\n"
        '    return row([args["word"].upper()])\n\n\n'
        'app = App("words", words)\n'
    )
    cluster.scheduler()
    started = time.monotonic()
    cluster.app("shout:app", folder=cluster.folder)
    client.wait_for_action("words", "shout")

    assert time.monotonic() - started <= 5.0
    task_id = client.create("words", "shout", b"word\nhello\n")
    client.begin(task_id)
    assert client.wait_for_end(task_id)["status"] == "success"
    assert client.output(task_id) == b'"word","shouted"\n"hello","HELLO"\n'


def test_two_schedulers_share_the_load(cluster: Cluster, client: Client) -> None:
    first, second = cluster.scheduler(), cluster.scheduler()
    cluster.app()
    client.wait_for_action("skel", "id2")
    tasks = [client.create("skel", "id2", numbered_csv(2)) for _ in range(8)]
    for task_id in tasks:
        client.begin(task_id)
    for task_id in tasks:
        assert client.wait_for_end(task_id)["status"] == "success"

    eventually(
        "both schedulers have finished tasks",
        lambda: first.logged("task_finished") and second.logged("task_finished"),
        within_s=5,
    )


def test_a_stop_that_another_scheduler_is_asked_for_takes_effect_as_quickly(
    cluster: Cluster, client: Client
) -> None:
    cluster.scheduler()
    cluster.scheduler()
    cluster.app()
    client.wait_for_action("skel", "id2")
    tasks = [client.create("skel", "id2", numbered_csv(1000)) for _ in range(4)]
    for task_id in tasks:
        client.begin(task_id)
    for task_id in tasks:
        client.wait_until(task_id, lambda document: document.get("success_count", 0) >= 1)
    for task_id in tasks:  # requests are shared out, so some reach the scheduler that is not owner
        asked = time.monotonic()
        assert client.stop(task_id)["status"] == "stopped"
        assert time.monotonic() - asked <= 1.5
