"""Error bodies that depend on the state of a task, of an account, or of the service."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import pytest

from tests.e2e.conformance.client import Json, KazooClient
from tests.e2e.conformance.conftest import MAX_UPLOAD, Site

UNKNOWN: Final = "f" * 30
LONG: Final = b"e164\n" + b"+1\n" * 100


def bad_identifier(cause: str, **more: str) -> Json:
    return {**more, "cause": cause, "message": "bad identifier"}


@pytest.mark.parametrize("task_id", [UNKNOWN, "not-an-id", "in.csv"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PATCH", "/stop"), ("GET", "/input"),
     ("GET", "/output")],
)  # fmt: skip
def test_a_task_that_is_not_there(
    client: KazooClient, method: str, path: str, task_id: str
) -> None:
    client.ask(method, client.one(task_id) + path).failed(404, "bad identifier", [task_id])


def test_a_task_of_another_account_is_not_there(site: Site, client: KazooClient) -> None:
    task_id = site["child"].create("dump")

    client.ask("GET", client.one(task_id)).failed(404, "bad identifier", [task_id])


def test_what_a_running_task_forbids(client: KazooClient) -> None:
    task_id = client.create("wait", LONG)
    client.ask("PATCH", client.one(task_id)).succeeded()
    started = bad_identifier(task_id, reason="task already started")

    client.ask("PATCH", client.one(task_id)).failed(404, "bad_identifier", started)
    client.ask("DELETE", client.one(task_id)).failed(404, "bad_identifier", bad_identifier(task_id))
    client.ask("PATCH", client.one(task_id) + "/stop").succeeded()


def test_what_a_task_that_ended_forbids(client: KazooClient) -> None:
    task_id = client.run("dump")
    started = bad_identifier(task_id, reason="task already started")
    idle = bad_identifier(task_id, reason="task is not running")

    client.ask("PATCH", client.one(task_id)).failed(404, "bad_identifier", started)
    client.ask("PATCH", client.one(task_id) + "/stop").failed(404, "bad_identifier", idle)


def test_what_a_pending_task_forbids(client: KazooClient) -> None:
    task_id = client.create("copy", LONG)
    idle = bad_identifier(task_id, reason="task is not running")
    no_file = bad_identifier(task_id)

    client.ask("PATCH", client.one(task_id) + "/stop").failed(404, "bad_identifier", idle)
    client.ask("GET", client.one(task_id) + "/output").failed(404, "bad_identifier", no_file)
    client.ask("GET", client.one(task_id), headers={"Accept": "text/csv"}).failed(
        404, "bad_identifier", no_file
    )


def test_an_account_that_is_not_there(client: KazooClient) -> None:
    unknown = "0" * 32
    client.ask("GET", f"/v2/accounts/{unknown}/tasks").failed(
        404, "bad_identifier", bad_identifier(unknown)
    )
    client.ask("GET", "/v2/accounts/nobody/tasks").failed(
        404, "bad identifier", {"message": "invalid account_id 'nobody'"}
    )


@pytest.mark.parametrize("size", ["0", "-1", "x", "1.5"])
def test_a_size_of_a_page_that_cannot_be(client: KazooClient, size: str) -> None:
    answer = client.ask("GET", client.tasks, query={"page_size": size})

    answer.failed(404, "faulty_request", {"message": "invalid page size"})


@pytest.mark.parametrize("media_type", ["text/csv", "application/json"])
def test_a_body_that_is_too_large(client: KazooClient, media_type: str) -> None:
    answer = client.ask(
        "PUT",
        client.tasks,
        query={"category": "numbers", "action": "copy"},
        content=b"e164\n" + b"1" * MAX_UPLOAD,
        headers={"Content-Type": media_type},
    )
    text = f"Payload or Files must not be more than {MAX_UPLOAD} bytes"

    answer.failed(
        413, "validation error", {"file": {"maxSize": {"message": text, "target": MAX_UPLOAD}}}
    )


def test_who_asks_too_often_is_told_when_to_come_back(site: Site) -> None:
    client = KazooClient(site.strict, site["sibling"].account_id, site["sibling"].token)
    answers = [client.ask("GET", client.tasks) for _ in range(52)]

    assert answers[49].status == 200
    assert answers[49].envelope["tokens"]["remaining"] == 0
    answers[51].failed(429, "too_many_requests", {"message": "too many requests"})
    assert int(answers[51].headers["retry-after"]) > 0


@contextmanager
def silent(site: Site) -> Iterator[None]:
    """No scheduler answers."""
    site.scheduler.pause()
    try:
        yield
    finally:
        site.scheduler.resume()


def test_a_silent_scheduler_is_never_taken_for_success(site: Site, client: KazooClient) -> None:
    task_id = client.create("dump")
    query = {"category": "numbers", "action": "dump"}
    asked = [
        lambda: client.ask("PATCH", client.one(task_id)),  # Kazoo: 200
        lambda: client.ask("GET", "/v2/tasks"),  # Kazoo: 500
        lambda: client.ask("PUT", client.tasks, query=query),  # Kazoo: 404
    ]
    with silent(site), ThreadPoolExecutor() as pool:
        answers = [one.result() for one in [pool.submit(ask) for ask in asked]]

    for answer in answers:
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
