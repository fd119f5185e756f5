"""What holds for every answer: headers, ids, methods, and no word of what went wrong inside."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from kztasks.api.app import create_app
from kztasks.api.deps import ApiDeps, ApiSettings
from kztasks.domain.task import Task
from kztasks.errors import SchedulerUnavailable, StoreUnavailable
from kztasks.kazoo.listener import KazooListener
from kztasks.store.mongo import MongoStore
from tests.integration.api.kit import NOTHING, TASKS, TOKEN, Exchange, Front, NoApps

pytestmark = pytest.mark.store


async def test_help_is_the_whole_catalogue_or_a_part_of_it(front: Front) -> None:
    whole = (await front.http.get("/v2/tasks")).json()["data"]["tasks"]
    category = (await front.http.get("/v2/tasks", params={"category": "skel"})).json()
    action = await front.http.get("/v2/tasks", params={"category": "skel", "action": "tick"})

    assert [*whole["skel"]] == ["id2", "id1", "tick"]
    assert whole["skel"]["id2"]["mandatory"] == ["col1", "col2"]
    assert category["data"]["tasks"] == whole
    assert action.json()["data"]["tasks"] == {"skel": {"tick": whole["skel"]["tick"]}}


@pytest.mark.parametrize(
    "query",
    [
        {"category": "nope"},
        {"category": "skel", "action": "nope"},
        {"category": "a.b"},
        {"category": "x" * 1000},
    ],
)
async def test_help_on_what_is_unknown(front: Front, query: dict[str, str]) -> None:
    response = await front.http.get("/v2/tasks", params=query)

    assert response.status_code == 404
    assert response.json()["message"] == "bad identifier"
    assert response.json()["data"] == ["unknown category or action"]


async def test_no_request_is_handed_to_a_thread(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a thread costs more than all that a dependency or a route does")

    monkeypatch.setattr("anyio.to_thread.run_sync", refused)
    for path in ("/v2/tasks", TASKS, f"{TASKS}?category=skel", "/v2/openapi.json", "/healthz"):
        assert (await front.http.get(path)).is_success, path


async def test_a_request_id_of_the_client_is_kept(front: Front) -> None:
    response = await front.http.get("/v2/tasks", headers={"x-request-id": "portal-17.a_b"})

    assert response.headers["x-request-id"] == "portal-17.a_b"
    assert response.json()["request_id"] == "portal-17.a_b"


@pytest.mark.parametrize("given", ["", "with space", "x" * 65, 'a"b', "é"])
async def test_a_request_id_that_cannot_stand_in_a_log_is_replaced(
    front: Front, given: str
) -> None:
    headers = [(b"x-request-id", given.encode("latin-1"))]
    response = await front.http.get("/v2/tasks", headers=headers)

    assert len(response.headers["x-request-id"]) == 32
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/v2/tasks", TASKS, "/nope", "/healthz"])
async def test_every_answer_has_the_security_headers(front: Front, path: str) -> None:
    headers = (await front.http.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/", "/v2", "/v2/", "/v2/tasks/", f"{TASKS}/x/nope", "/docs"])
async def test_an_unknown_path_is_not_found(front: Front, path: str) -> None:
    response = await front.http.get(path)

    assert response.status_code == 404
    assert response.json()["message"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/v2/tasks"), ("DELETE", TASKS), ("PUT", f"{TASKS}/x"), ("GET", f"{TASKS}/x/stop")],
)
async def test_another_method_is_not_allowed(front: Front, method: str, path: str) -> None:
    response = await front.http.request(method, path)

    assert response.status_code == 405
    assert response.json()["message"] == "invalid_method"
    assert response.json()["data"] == {"message": "method not allowed"}
    assert response.headers["allow"]


async def test_a_process_that_is_up_and_can_work_says_so(front: Front) -> None:
    assert (await front.http.get("/healthz")).json() == {"status": "ok"}
    assert (await front.http.get("/readyz")).json() == {
        "status": "ok",
        "checks": {"bus": "ok", "store": "ok", "scheduler": "ok"},
    }


async def test_what_cannot_be_reached_is_named(front: Front, listener: KazooListener) -> None:
    await listener.close()
    response = await front.http.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"] == {
        "bus": "ok", "store": "ok", "scheduler": "scheduler_unavailable",
    }  # fmt: skip


async def test_the_access_log_names_path_status_and_account_and_no_token(front: Front) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await front.http.get(TASKS, params={"auth_token": TOKEN}, headers={"x-request-id": "r-1"})

    (line,) = [log for log in logs if log["event"] == "http_request"]
    assert line["path"] == TASKS
    assert line["status"] == 200
    assert line["method"] == "GET"
    assert line["account_id"] == "a" * 32
    assert line["request_id"] == "r-1"
    assert TOKEN not in str(logs)


async def test_the_openapi_document_names_every_operation_and_its_errors(front: Front) -> None:
    document = (await front.http.get("/v2/openapi.json")).json()
    all_operations = [
        operation for path in document["paths"].values() for operation in path.values()
    ]
    operations = {operation["operationId"]: operation for operation in all_operations}
    assert len(operations) == len(all_operations), "no two have the same name"

    tasks = {
        "create_task", "list_tasks", "get_task", "start_task", "stop_task", "delete_task",
        "download_task_input", "download_task_output", "download_task_errors",
        "rerun_failed_rows", "stream_task_events",
    }  # fmt: skip
    assert operations.keys() >= {
        *tasks,
        *(f"{name}_of_caller" for name in tasks),
        *(f"{name}_as_admin" for name in tasks - {"list_tasks"}),
        "list_task_kinds", "create_token", "get_token", "delete_token", "get_signing_key",
        "list_signing_keys", "get_health", "get_readiness", "get_metrics",
        "get_asyncapi_document", "get_message_schema",
    }  # fmt: skip
    assert operations["list_task_kinds"]["security"] == []
    assert operations["create_task"]["security"]
    assert {"201", "400", "401", "403", "404", "408", "409", "413", "415", "422", "423", "429"} <= (
        operations["create_task"]["responses"].keys()
    )
    output = operations["download_task_output"]["responses"]
    assert [*output["200"]["content"]] == ["text/csv"]
    assert {"206", "204", "304", "416"} <= output.keys()
    assert {*operations["get_task"]["responses"]["200"]["content"]} == {
        "application/json",
        "text/csv",
    }


async def test_every_json_answer_in_the_openapi_document_has_an_example(front: Front) -> None:
    document = (await front.http.get("/v2/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["tags"], (method, path)
            for status, answer in operation["responses"].items():
                for content in answer.get("content", {}).values():
                    assert "example" in content, (method, path, status)


class Broken:
    """A scheduler with a defect."""

    is_ready = False
    is_blocked = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def _fail(self, *_: Any) -> Any:
        raise self._error

    lookup = start = stop = remove = _fail


def front_on(store: MongoStore, error: Exception) -> httpx.AsyncClient:
    deps = ApiDeps(
        store=store,
        scheduler=Broken(error),
        verifier=NoApps(),
        settings=ApiSettings(node="n"),
    )
    transport = httpx.ASGITransport(create_app(deps))
    return httpx.AsyncClient(transport=transport, base_url="http://front")


async def test_an_unexpected_error_is_logged_and_not_told(store: MongoStore) -> None:
    async with front_on(store, RuntimeError("secret of the inside")) as http:
        with capture_logs() as logs:
            response = await http.get("/v2/tasks")

    assert response.status_code == 500
    assert response.json()["message"] == "internal_error"
    assert response.json()["data"] == {"message": "internal error"}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert "secret" not in response.text
    (line,) = [log for log in logs if log["event"] == "request_crashed"]
    assert line["exc_info"]


async def test_help_without_a_scheduler_is_unavailable(store: MongoStore) -> None:
    async with front_on(store, SchedulerUnavailable("secret address")) as http:
        response = await http.get("/v2/tasks")

    assert response.status_code == 503
    assert response.json()["data"] == {
        "message": "service unavailable", "cause": "scheduler_unavailable",
    }  # fmt: skip


async def test_a_refused_body_is_read_to_its_end_so_that_the_answer_arrives(front: Front) -> None:
    sent = 0

    async def upload() -> Any:
        nonlocal sent
        yield b"col1,col2\n1\n"
        for _ in range(50):
            sent += 1
            yield b"1,2\n" * 1000

    headers = {"content-type": "text/csv", "transfer-encoding": "chunked"}
    exchange = Exchange(front.app, "PUT", TASKS, "category=skel&action=id2", headers)
    await exchange.run(upload())

    assert exchange.status == 400
    assert sent == 50


async def test_a_client_that_was_told_to_go_ahead_is_heard_to_its_end(front: Front) -> None:
    sent = 0

    async def upload() -> Any:
        nonlocal sent
        for _ in range(20):
            sent += 1
            yield b"col1,col2\n1\n" * 10

    headers = {"content-type": "text/csv", "content-length": "2600", "expect": "100-continue"}
    exchange = Exchange(front.app, "PUT", TASKS, "category=skel&action=id2", headers)
    await exchange.run(upload())

    assert exchange.status == 400
    assert sent == 20


async def test_a_client_that_waits_for_a_go_ahead_is_not_made_to_send(front: Front) -> None:
    headers = {
        "content-type": "text/plain",
        "content-length": "1000",
        "expect": "100-continue",
    }
    sent = 0

    async def upload() -> Any:
        nonlocal sent
        sent += 1
        yield b"x" * 1000

    exchange = Exchange(front.app, "PUT", TASKS, "category=skel&action=id2", headers)
    await exchange.run(upload())

    assert exchange.status == 415
    assert sent == 0


@pytest.mark.parametrize("is_written", [False, True])
async def test_a_store_that_fails_at_the_last_step_leaves_nothing(
    front: Front, monkeypatch: pytest.MonkeyPatch, *, is_written: bool
) -> None:
    insert = front.store.tasks.insert

    async def fail(task: Task) -> None:
        if is_written:
            await insert(task)
        raise StoreUnavailable("mongodb://user:secret@host went away")

    monkeypatch.setattr(front.store.tasks, "insert", fail)
    response = await front.put(b"col1,col2\n1,2\n")

    assert response.status_code == 503
    assert response.json()["message"] == "datastore_fault"
    assert "secret" not in response.text
    assert await front.stored() == NOTHING
