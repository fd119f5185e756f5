"""What a user of `kazoo-sdk` writes; runs in a process that has the library and nothing of ours.

    python session.py URL API_KEY CSV_FILE

Prints what it has seen, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import kazoo
import requests
from kazoo.exceptions import KazooApiBadDataError, KazooApiError
from kazoo.request_objects import KazooRequest
from kazoo.rest_resources import RestResource

Json = dict[str, Any]

ENDED = {"success", "failure", "partial", "stopped", "internal_error"}
TASKS = "/accounts/{account_id}/tasks"
COPY = {"category": "numbers", "action": "copy"}
WAIT = {"category": "numbers", "action": "wait"}


class Client(kazoo.Client):  # type: ignore[misc]  # the library has no types
    """The library knows no tasks; this is how it is told of a resource, here as of all others."""

    _tasks_resource = RestResource(
        "task",
        TASKS + "/{task_id}",
        extra_views=[{"name": "stop_task", "path": "stop", "scope": "object", "method": "post"}],
    )

    def ask(self, request: KazooRequest, **arguments: Any) -> Any:
        """Send a request that is no method of the library."""
        return self._execute_request(request, **arguments)["data"]

    def download(self, account_id: str, task_id: str) -> str:
        """The library reads JSON alone; this is its token, and what it sends requests with."""
        url = f"{self.base_url}/accounts/{account_id}/tasks/{task_id}/output"
        response = requests.get(url, headers={"X-Auth-Token": self.auth_token}, timeout=30)
        response.raise_for_status()
        return response.text


def read(client: Client, account_id: str, task_id: str) -> Json:
    task: Json = client.get_task(account_id, task_id)["data"]["_read_only"]
    return task


def run(client: Client, account_id: str, task_id: str) -> Json:
    """Start a task (the library has POST and no PATCH), and wait for its end."""
    started = client.update_task(account_id, task_id, {"verb": "PATCH"})
    deadline = time.monotonic() + 30
    while (task := read(client, account_id, task_id))["status"] not in ENDED:
        if time.monotonic() > deadline:
            sys.exit("the task does not end")
        time.sleep(0.05)
    return {**task, "was": started["data"]["_read_only"]["status"]}


def refused(error: type[Exception], call: Any, *arguments: Any) -> str:
    """What the library makes of a refusal."""
    try:
        call(*arguments)
    except error as found:
        return str(found)
    return "nothing was raised"


def session(url: str, api_key: str, csv: Path) -> Json:
    """Everything that the library can express, once."""
    client = Client(api_key=api_key, base_url=url)
    client.authenticate()
    account = client.auth_data["data"]["account_id"]
    create = KazooRequest(TASKS, method="put", get_params=COPY)
    records = client.ask(create, account_id=account, data={"records": [{"e164": "+1"}]})
    uri = f"/accounts/{account}/tasks?category=numbers&action=copy&file_name=numbers.csv"
    with csv.open("rb") as file:
        is_ok, uploaded = client.manual_request(uri, "put", {"Content-Type": "text/csv"}, file)
    task_id = uploaded["_read_only"]["id"]
    ended = run(client, account, task_id)
    slow = client.ask(
        KazooRequest(TASKS, method="put", get_params=WAIT),
        account_id=account,
        data={"records": [{"e164": "+1"}] * 100},
    )["_read_only"]["id"]
    client.update_task(account, slow, {"verb": "PATCH"})
    stopped = client.stop_task(account, slow, {"verb": "PATCH"})
    listed = client.get_tasks(account)
    output = client.download(account, task_id)
    client.auth_token = "0" * 32
    removed = client.delete_task(account, task_id)  # gets itself another token
    return {
        "account": account,
        "help": client.ask(KazooRequest("/tasks", auth_required=False, get_params=COPY)),
        "from_records": records["_read_only"],
        "upload_is_ok": is_ok,
        "uploaded": uploaded["_read_only"],
        "ended": ended,
        "stopped": stopped["data"]["_read_only"],
        "listed": [task["id"] for task in listed["data"]],
        "page_size": listed["page_size"],
        "output": output,
        "removed": removed["data"]["_read_only"],
        "gone": refused(KazooApiError, client.get_task, account, task_id),
        "no_action": refused(KazooApiBadDataError, client.create_task, account, {"records": []}),
        "not_mine": refused(KazooApiError, client.get_tasks, "0" * 32),
        "bad_key": refused(KazooApiError, Client(api_key="0" * 64, base_url=url).authenticate),
    }


if __name__ == "__main__":
    json.dump(session(sys.argv[1], sys.argv[2], Path(sys.argv[3])), sys.stdout)
