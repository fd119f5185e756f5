"""Start, stop, remove, read and list, and what each says when it cannot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from kztasks.domain.status import TaskStatus
from kztasks.errors import StoreUnavailable
from kztasks.kazoo.listener import KazooListener
from tests.integration.api.kit import CHILD, NOTHING, TASKS, TOKENS, Front

pytestmark = pytest.mark.store

UNKNOWN = "0" * 30
UI_METADATA = b'{"data":{"ui_metadata":{"version":"4.3.111","ui":"monster-ui"}}}'

Ask = Callable[[Front, str], Awaitable[httpx.Response]]


async def start(front: Front, task_id: str) -> httpx.Response:
    return await front.http.patch(f"{TASKS}/{task_id}")


async def stop(front: Front, task_id: str) -> httpx.Response:
    return await front.http.patch(f"{TASKS}/{task_id}/stop")


async def remove(front: Front, task_id: str) -> httpx.Response:
    return await front.http.delete(f"{TASKS}/{task_id}")


async def read(front: Front, task_id: str) -> httpx.Response:
    return await front.http.get(f"{TASKS}/{task_id}")


def shown(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    task: dict[str, Any] = response.json()["data"]["_read_only"]
    return task


async def test_a_task_is_started_watched_stopped_and_removed(front: Front) -> None:
    task_id = await front.create()

    started = shown(await start(front, task_id))
    assert started["status"] == "executing"
    assert started["node"] == "kztasks@h2"
    assert started["start_timestamp"] == 63_900_000_042
    assert shown(await read(front, task_id))["status"] == "executing"
    stopped = shown(await stop(front, task_id))
    assert stopped["status"] == "stopped"
    assert stopped["end_timestamp"] == 63_900_000_043
    assert shown(await remove(front, task_id))["status"] == "stopped"
    assert (await read(front, task_id)).status_code == 404
    assert await front.stored() == NOTHING


async def test_a_reader_sees_the_csvs_and_no_node(front: Front) -> None:
    task_id = await front.create()
    await start(front, task_id)
    task = shown(await read(front, task_id))

    assert task["csvs"] == ["in.csv"]
    assert "node" not in task
    await front.scheduler.end(task_id, TaskStatus.SUCCESS, b'"col1"\n')
    assert shown(await read(front, task_id))["csvs"] == ["in.csv", "out.csv"]


async def test_one_task_is_a_page_of_one(front: Front) -> None:
    task_id = await front.create()

    assert (await read(front, task_id)).json()["page_size"] == 1
    assert (await start(front, task_id)).json()["page_size"] == 1


async def test_start_stop_and_remove_take_the_body_that_kazoos_ui_sends(front: Front) -> None:
    task_id = await front.create()
    for method, path in (("PATCH", task_id), ("PATCH", f"{task_id}/stop"), ("DELETE", task_id)):
        response = await front.http.request(
            method,
            f"{TASKS}/{path}",
            content=UI_METADATA,
            headers={"content-type": "application/json", "accept": "application/json"},
        )
        assert response.status_code == 200, response.text


async def test_a_bad_body_is_refused_before_anything_is_done(front: Front) -> None:
    task_id = await front.create()

    bad = await front.http.patch(f"{TASKS}/{task_id}", content=b"{")
    large = await front.http.patch(f"{TASKS}/{task_id}", content=b" " * 70_000)

    assert (bad.status_code, large.status_code) == (400, 413)
    assert shown(await read(front, task_id))["status"] == "pending"


async def test_a_second_start_is_refused(front: Front) -> None:
    task_id = await front.create()
    await start(front, task_id)
    response = await start(front, task_id)

    assert response.status_code == 404
    assert response.json()["message"] == "bad_identifier"
    assert response.json()["data"] == {
        "reason": "task already started",
        "cause": task_id,
        "message": "bad identifier",
    }


async def test_stopping_what_does_not_run_is_refused(front: Front) -> None:
    task_id = await front.create()
    response = await stop(front, task_id)

    assert response.status_code == 404
    assert response.json()["data"] == {
        "reason": "task is not running",
        "cause": task_id,
        "message": "bad identifier",
    }


async def test_removing_what_runs_is_refused(front: Front) -> None:
    task_id = await front.create()
    await start(front, task_id)
    response = await remove(front, task_id)

    assert response.status_code == 404
    assert response.json()["data"] == {"cause": task_id, "message": "bad identifier"}


@pytest.mark.parametrize("ask", [start, stop, remove, read])
@pytest.mark.parametrize(
    "task_id", [UNKNOWN, "x", "e5c92c4b50bcec520d5d7e1ce1b86", "a" * 500, "%00"]
)
async def test_a_task_that_does_not_exist(front: Front, ask: Ask, task_id: str) -> None:
    response = await ask(front, task_id)

    assert response.status_code == 404
    assert response.json()["message"] == "bad identifier"
    assert response.json()["data"] == [task_id.replace("%00", "\x00")]


@pytest.mark.parametrize("ask", [start, stop, remove, read])
async def test_somebody_elses_task_does_not_exist_below_ones_own_account(
    front: Front, ask: Ask
) -> None:
    created = await front.http.put(
        f"/v2/accounts/{CHILD}/tasks",
        params={"category": "skel", "action": "tick"},
        headers={"x-auth-token": TOKENS[CHILD]},
    )
    task_id = created.json()["data"]["_read_only"]["id"]
    response = await ask(front, task_id)

    assert response.status_code == 404
    assert response.json()["data"] == [task_id]
    assert front.scheduler.asked == [("lookup", "skel", "tick")]


@pytest.mark.parametrize("ask", [start, stop, remove])
async def test_a_silent_scheduler_is_said_so(
    front: Front, listener: KazooListener, ask: Ask
) -> None:
    task_id = await front.create()
    await listener.close()
    response = await ask(front, task_id)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert response.json()["data"]["cause"] == "scheduler_unavailable"
    assert shown(await read(front, task_id))["status"] == "pending"


@pytest.mark.parametrize("ask", [start, stop, remove])
async def test_a_scheduler_that_cannot_decide_is_said_so(front: Front, ask: Ask) -> None:
    task_id = await front.create()
    front.scheduler.error = StoreUnavailable("mongodb://user:secret@host is down")
    response = await ask(front, task_id)

    assert response.status_code == 503
    assert "secret" not in response.text


async def test_a_create_without_a_scheduler_stores_nothing(
    front: Front, listener: KazooListener
) -> None:
    await listener.close()
    response = await front.put(b"col1,col2\n1,2\n")

    assert response.status_code == 503
    assert await front.stored() == NOTHING


async def test_the_list_is_newest_first_in_pages(front: Front) -> None:
    ids = [await front.create(b"", action="tick") for _ in range(5)]
    seen: list[str] = []
    query: dict[str, str] = {"page_size": "2", "_": "1795539634337"}
    sizes = []
    while True:
        page = (await front.http.get(TASKS, params=query)).json()
        sizes.append(page["page_size"])
        seen += [item["id"] for item in page["data"]]
        if "next_start_key" not in page:
            break
        query["start_key"] = page["next_start_key"]

    assert sizes == [2, 2, 1]
    assert sorted(seen) == sorted(ids)
    assert len(set(seen)) == 5


async def test_an_item_of_the_list_has_the_tasks_keys_at_its_top(front: Front) -> None:
    task_id = await front.create()
    (item,) = (await front.http.get(TASKS)).json()["data"]

    assert item["id"] == task_id
    assert item["csvs"] == ["in.csv"]
    assert "_read_only" not in item


async def test_an_empty_list_is_a_list(front: Front) -> None:
    page = (await front.http.get(TASKS)).json()

    assert page["data"] == []
    assert page["page_size"] == 0
    assert page.keys().isdisjoint({"start_key", "next_start_key"})


async def test_a_page_has_its_limit(front: Front) -> None:
    for _ in range(6):
        await front.create(b"", action="tick")

    assert (await front.http.get(TASKS, params={"page_size": "999"})).json()["page_size"] == 5


@pytest.mark.parametrize("size", ["0", "-3", "many"])
async def test_a_page_size_that_is_no_positive_integer(front: Front, size: str) -> None:
    response = await front.http.get(TASKS, params={"page_size": size})

    assert response.status_code == 404
    assert response.json()["message"] == "faulty_request"


async def test_a_start_key_that_was_not_given_out(front: Front) -> None:
    response = await front.http.get(TASKS, params={"start_key": "nonsense"})

    assert response.status_code == 400
