"""A task is created once under a key, whatever the client and the front go through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kztasks.domain.task import Task
from kztasks.errors import StoreUnavailable
from kztasks.kazoo.listener import KazooListener
from kztasks.store.access_records import StoredAnswer
from tests.integration.api.kit import CHILD, NOTHING, TASKS, TOKENS, Front

pytestmark = pytest.mark.store

CSV = b"col1,col2\n1,2\n"
QUERY = {"category": "skel", "action": "id2"}


async def put(
    front: Front, key: str = "k-1", body: Any = CSV, *, url: str = TASKS, **query: str
) -> httpx.Response:
    headers = {"idempotency-key": key, "content-type": "text/csv"}
    return await front.http.put(url, params=QUERY | query, content=body, headers=headers)


async def count(front: Front) -> int:
    return len(await front.store.tasks.page("a" * 32, limit=99, start=None))


async def test_asking_again_gives_the_first_answer_and_no_second_task(front: Front) -> None:
    first = await put(front)
    await front.http.patch(f"{TASKS}/{first.json()['data']['_read_only']['id']}")
    again = await put(front)

    assert (first.status_code, again.status_code) == (201, 201)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["data"] == first.json()["data"]
    assert again.headers["location"] == first.headers["location"]
    assert await count(front) == 1
    assert (await front.stored())["attachments.files"] == 1


async def test_the_answer_is_the_same_when_the_task_is_gone(front: Front) -> None:
    first = await put(front)
    await front.http.delete(first.headers["location"])
    again = await put(front)

    assert again.json()["data"] == first.json()["data"]
    assert await count(front) == 0


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b"col1,col2\n1,3\n", {}),
        (CSV, {"file_name": "other.csv"}),
        (CSV, {"start": "true"}),
        (b"col1\n1\n", {"action": "id1"}),
        (b"", {"action": "tick"}),
    ],
)
async def test_another_request_under_the_same_key_is_refused(
    front: Front, body: bytes, query: dict[str, str]
) -> None:
    await put(front)
    response = await put(front, body=body, **query)

    assert response.status_code == 422
    assert response.json()["message"] == "validation error"
    assert await count(front) == 1


async def test_records_and_no_input_are_told_apart_too(front: Front) -> None:
    headers = {"idempotency-key": "k"}
    body = {"data": {"records": [{"col1": "1", "col2": "2"}]}}
    first = await front.http.put(TASKS, params=QUERY, json=body, headers=headers)
    again = await front.http.put(TASKS, params=QUERY, json=body, headers=headers)
    tick = {"category": "skel", "action": "tick"}
    none = await front.http.put(TASKS, params=tick, headers={"idempotency-key": "n"})
    none_again = await front.http.put(TASKS, params=tick, headers={"idempotency-key": "n"})

    assert again.json()["data"] == first.json()["data"]
    assert none_again.json()["data"] == none.json()["data"]
    assert await count(front) == 2


async def test_while_the_first_request_runs_the_second_is_told_to_wait(front: Front) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield CSV
        begun.set()
        await go_on.wait()
        yield b"3,4\n"

    first = asyncio.create_task(put(front, body=slowly()))
    await begun.wait()
    second = await put(front, body=CSV + b"3,4\n")
    go_on.set()

    assert second.status_code == 409
    assert second.headers["retry-after"]
    assert (await first).status_code == 201
    assert (await put(front, body=CSV + b"3,4\n")).headers["idempotency-replayed"] == "true"
    assert await count(front) == 1


async def test_of_many_requests_at_once_one_creates_the_task(front: Front) -> None:
    answers = await asyncio.gather(*(put(front) for _ in range(8)))
    statuses = sorted(answer.status_code for answer in answers)

    assert set(statuses) <= {201, 409}
    assert statuses[0] == 201
    assert await count(front) == 1


@pytest.mark.parametrize(
    ("body", "status"), [(b"col1,col2\n1\n", 400), (b"x\n1\n", 400), (b"x" * 2_000_000, 413)]
)
async def test_a_refused_request_leaves_the_key_free(
    front: Front, body: bytes, status: int
) -> None:
    assert (await put(front, body=body)).status_code == status
    assert await front.stored() == NOTHING
    assert (await put(front)).status_code == 201


async def test_a_silent_scheduler_leaves_the_key_free(
    front: Front, listener: KazooListener
) -> None:
    await listener.close()
    assert (await put(front)).status_code == 503
    await listener.open()
    assert (await put(front)).status_code == 201


async def test_a_front_that_dies_before_it_can_keep_the_answer_makes_no_second_task(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(key: str, holder: str, answer: StoredAnswer) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(front.store.idempotency, "finish", die)
    first = await put(front)
    monkeypatch.undo()
    again = await put(front)
    other = await put(front, body=CSV + b"3,4\n")

    assert first.status_code == 201
    assert again.status_code == 201
    assert again.json()["data"] == first.json()["data"]
    assert other.status_code == 422
    assert await count(front) == 1


async def test_a_task_that_was_stored_though_the_store_failed_is_found_again(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = front.store.tasks.insert

    async def fail(task: Task) -> None:
        await insert(task)
        raise StoreUnavailable("no answer")

    async def gone(*_: Any) -> None:
        raise StoreUnavailable("still gone")

    monkeypatch.setattr(front.store.tasks, "insert", fail)
    monkeypatch.setattr(front.store.tasks, "delete", gone)
    first = await put(front)
    monkeypatch.undo()
    again = await put(front)

    assert first.status_code == 503
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(front) == 1


async def test_a_key_belongs_to_its_account(front: Front) -> None:
    mine = await put(front)
    child = f"/v2/accounts/{CHILD}/tasks"
    for_child = await put(front, url=child)
    front.http.headers["x-auth-token"] = TOKENS[CHILD]
    childs_own = await put(front, url=child)

    ids = {one.json()["data"]["_read_only"]["id"] for one in (mine, for_child, childs_own)}
    assert len(ids) == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ä"])
async def test_what_cannot_be_a_key_is_refused(front: Front, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1")), (b"content-type", b"text/csv")]
    response = await front.http.put(TASKS, params=QUERY, content=CSV, headers=headers)

    assert response.status_code == 400
    assert "idempotency_key" in response.json()["data"]


async def test_started_at_once_the_answer_is_kept_with_its_status(front: Front) -> None:
    first = await put(front, start="true")
    again = await put(front, start="true")

    assert first.json()["data"]["_read_only"]["status"] == "executing"
    assert again.json()["data"] == first.json()["data"]
    assert [call for call in front.scheduler.asked if call[0] == "start"] == [
        ("start", first.json()["data"]["_read_only"]["id"])
    ]
