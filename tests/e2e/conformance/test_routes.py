"""Routes: which there are, under which names, and what each does."""

from __future__ import annotations

import time
from typing import Final

import pytest

from tests.e2e.conformance.client import GREGORIAN_OFFSET_S, KazooClient
from tests.e2e.conformance.conftest import Site
from tests.servers.cluster import eventually

COPY: Final = {
    "description": "Copy numbers",
    "doc": "Numbers without a plus are refused.",
    "expected_content": "text/csv",
    "mandatory": ["e164"],
    "optional": ["note"],
}
CSV: Final = b"e164,note\n+1,a\n2,b\n"


def test_help_needs_no_token_and_nests_metadata_by_category_and_action(site: Site) -> None:
    nobody = KazooClient(site.http, "")
    whole = nobody.ask("GET", "/v2/tasks").succeeded().data["tasks"]
    of_category = nobody.ask("GET", "/v2/tasks", query={"category": "numbers"}).data["tasks"]
    of_action = nobody.ask("GET", "/v2/tasks", query={"category": "numbers", "action": "copy"})

    assert {*whole["numbers"]} == {"copy", "wait", "dump", "hollow"}
    assert of_category == {"numbers": whole["numbers"]}
    assert [*of_action.data["tasks"]["numbers"]] == ["copy"]
    assert COPY.items() <= of_action.data["tasks"]["numbers"]["copy"].items()
    assert whole["numbers"]["dump"].get("expected_content") is None


@pytest.mark.parametrize("query", [{"category": "x"}, {"category": "numbers", "action": "x"}])
def test_help_for_what_nobody_serves(client: KazooClient, query: dict[str, str]) -> None:
    answer = client.ask("GET", "/v2/tasks", query=query)

    answer.failed(404, "bad identifier", ["unknown category or action"])


@pytest.mark.parametrize(
    ("who", "tasks"),
    [
        ("itself", "/v2/accounts/{id}/tasks"),
        ("itself", "/v2/account/tasks"),
        ("parent", "/v2/accounts/{child}/tasks"),
        ("admin", "/v2/tasks"),
    ],
)
def test_a_task_is_created_started_read_stopped_and_removed(
    site: Site, who: str, tasks: str
) -> None:
    client = site[who]
    tasks = tasks.format(id=client.account_id, child=site["child"].account_id)
    owner = site["child"] if "child" in tasks or who == "parent" else client
    query = {"category": "numbers", "action": "wait", "file_name": "n.csv"}
    rows = b"e164\n" + b"+1\n" * 100
    headers = {"Content-Type": "text/csv"}
    created = client.ask("PUT", tasks, query=query, content=rows, headers=headers).succeeded(201)
    one = f"{tasks}/{created.task['id']}"
    now = int(time.time()) + GREGORIAN_OFFSET_S

    assert abs(created.task.pop("created") - now) < 30
    assert created.task == {
        "id": created.task["id"], "account_id": owner.account_id,
        "auth_account_id": client.account_id, "category": "numbers", "action": "wait",
        "file_name": "n.csv", "total_count": 100, "status": "pending",
    }  # fmt: skip
    started = client.ask("PATCH", one).succeeded()
    assert started.task["status"] == "executing"
    assert abs(started.task["start_timestamp"] - now) < 30
    read = client.ask("GET", one).succeeded()
    assert (read.task["status"], read.task["csvs"]) == ("executing", ["in.csv"])
    assert "node" not in read.task
    stopped = client.ask("PATCH", f"{one}/stop").succeeded()
    assert stopped.task["status"] == "stopped"
    assert stopped.task["end_timestamp"] >= started.task["start_timestamp"]
    removed = client.ask("DELETE", one).succeeded()
    assert (removed.task["id"], removed.task["status"]) == (created.task["id"], "stopped")
    assert "csvs" not in removed.task
    assert client.ask("GET", one).status == 404
    assert [one.envelope["page_size"] for one in (read, started, stopped, removed)] == [1] * 4


def test_a_task_runs_to_its_end_and_counts(client: KazooClient) -> None:
    task = client.read(client.run("copy", CSV))

    assert (task["status"], task["total_count"]) == ("partial", 2)
    assert (task["success_count"], task["failure_count"]) == (1, 1)
    assert task["csvs"] == ["in.csv", "out.csv"]
    assert task["end_timestamp"] >= task["start_timestamp"] >= task["created"]


def test_nobody_but_an_admin_has_tasks_without_an_account_in_the_path(
    site: Site, client: KazooClient
) -> None:
    task_id = client.create("copy", CSV)
    query = {"category": "numbers", "action": "dump"}
    for method, path in [("PUT", "/v2/tasks"), ("GET", f"/v2/tasks/{task_id}")]:
        client.ask(method, path, query=query).failed(403, "forbidden", {"message": "forbidden"})
    # An admin reads its own account's task there, not another's.
    site["admin"].ask("GET", f"/v2/tasks/{task_id}").failed(404, "bad identifier", [task_id])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", ""), ("PATCH", ""), ("POST", ""),
        ("PUT", "/{task}"), ("POST", "/{task}"),
        ("GET", "/{task}/stop"), ("PUT", "/{task}/stop"), ("DELETE", "/{task}/stop"),
        ("PATCH", "/{task}/input"), ("DELETE", "/{task}/output"), ("PUT", "/{task}/output"),
    ],
)  # fmt: skip
def test_another_method_is_refused(client: KazooClient, method: str, path: str) -> None:
    answer = client.ask(method, client.tasks + path.format(task="0" * 30))

    answer.failed(405, "invalid_method", {"message": "method not allowed"})
    assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/{task}/start", "/{task}/stop/now", "/{task}/in.csv"])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_another_word_after_a_task_is_not_found(
    client: KazooClient, method: str, path: str
) -> None:
    answer = client.ask(method, client.tasks + path.format(task="0" * 30))

    answer.failed(404, "not_found", {"message": "not found"})


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/accounts/{id}/tasks", "/v1"])
def test_version_1_is_gone(client: KazooClient, path: str) -> None:
    answer = client.ask("GET", path.format(id=client.account_id))

    assert (answer.status, answer.envelope["message"]) == (410, "gone")


def test_a_start_is_seen_by_whoever_reads_next(client: KazooClient) -> None:
    task_id = client.create("copy", b"e164\n+1\n")
    client.ask("PATCH", client.one(task_id)).succeeded()

    assert client.read(task_id)["status"] != "pending"
    eventually("the task ends", lambda: client.read(task_id)["status"] == "success")
