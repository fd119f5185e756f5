"""A Kazoo node drives two schedulers through everything that its API can ask."""

from __future__ import annotations

import pytest

from tests.e2e.kazoo.conftest import NODES, Site
from tests.servers.cluster import id2_output, numbered_csv

LONG = 100_000
SHORT = 50


@pytest.mark.timeout(120)
def test_lookups_of_all_three_kinds_nest_help_by_category_and_action(site: Site) -> None:
    copy = {
        "description": "Copy two columns, slowly",
        "expected_content": "text/csv",
        "mandatory": ["col1", "col2"],
        "optional": [],
        "wait_after_row_ms": 0,
    }
    assert site.crossbar.help() == {"slow": {"copy": copy}}
    assert site.crossbar.help(Category="slow") == {"slow": {"copy": copy}}
    assert site.crossbar.help(Category="slow", Action="copy") == {"slow": {"copy": copy}}
    assert site.crossbar.help(Category="slow", Action="unknown") == {}
    assert site.crossbar.help(Category="unknown") == {}


@pytest.mark.timeout(120)
def test_a_task_from_start_to_removal_gives_kazoos_replies(site: Site) -> None:
    ask, client = site.crossbar.ask, site.client
    task_id = client.create("slow", "copy", numbered_csv(LONG))

    started = ask("start", Task_ID=task_id).reply
    assert started["id"] == task_id
    assert (started["status"], started["total_count"]) == ("executing", LONG)
    assert started["node"] in NODES
    assert isinstance(started["start_timestamp"], int)
    for _ in NODES:  # whichever of the two takes it
        assert ask("start", Task_ID=task_id).reply == "already_started"
        assert ask("remove", Task_ID=task_id).reply == "task_running"
    client.wait_until(task_id, lambda document: document.get("success_count", 0) > 0)

    stopped = ask("stop", Task_ID=task_id).reply
    assert stopped["status"] == "stopped"
    assert stopped["end_timestamp"] >= started["start_timestamp"]
    for _ in NODES:
        assert ask("stop", Task_ID=task_id).reply == "not_running"
    assert ask("start", Task_ID=task_id).reply == "already_started"

    removed = ask("remove", Task_ID=task_id).reply
    assert (removed["id"], removed["status"]) == (task_id, "stopped")
    for event in ("remove", "start", "stop"):
        assert ask(event, Task_ID=task_id).reply == "not_found"
    assert client.http.get(f"{client.tasks}/{task_id}").status_code == 404


@pytest.mark.timeout(120)
def test_a_task_that_a_kazoo_node_has_started_runs_to_its_end(site: Site) -> None:
    task_id = site.client.create("slow", "copy", numbered_csv(SHORT))
    assert site.crossbar.ask("start", Task_ID=task_id).reply["status"] == "executing"
    document = site.client.wait_for_end(task_id)
    assert document["status"] == "success"
    assert site.client.output(task_id) == id2_output(SHORT)
    assert site.crossbar.ask("start", Task_ID=task_id).reply == "already_started"


@pytest.mark.timeout(120)
def test_an_action_that_is_gone_is_answered(site: Site) -> None:
    task_id = site.client.create("slow", "copy", numbered_csv(SHORT))
    assert site.app.terminate() == 0
    assert site.crossbar.help() == {}
    assert site.crossbar.ask("start", Task_ID=task_id).reply["status"] == "executing"
    assert site.crossbar.ask("stop", Task_ID=task_id).reply["status"] == "stopped"


@pytest.mark.timeout(120)
def test_a_reply_to_a_process_goes_to_its_queue_and_names_the_process(site: Site) -> None:
    site.crossbar.listen("kazoo@h9-<0.1.0>-abcd")
    request = site.crossbar.request("lookup")
    request["Server-ID"] = "pid://<0.22.0>/kazoo@h9-<0.1.0>-abcd"
    site.crossbar.send(request)
    received = site.crossbar.amqp.next()
    assert site.crossbar.checked(received)["Msg-ID"] == request["Msg-ID"]
    assert received.routing_key == "kazoo@h9-<0.1.0>-abcd"
    assert received.headers == {"Deliver-To-PID": "<0.22.0>"}
