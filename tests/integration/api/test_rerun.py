"""The failed rows of a task become a task of their own: once under a key."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from kztasks.domain.log import ROOT_SHA, LogRecord, RecordKind, seal
from kztasks.domain.status import TaskStatus
from kztasks.kazoo.listener import KazooListener
from tests.integration.api.kit import TASKS, Front

pytestmark = pytest.mark.store


async def ended(front: Front, *failed_rows: int) -> str:
    """A task of three rows that has ended, and of which these have failed."""
    task_id = await front.create(b"col1,col2\n1,2\n3,4\n5,6\n")
    await front.http.patch(f"{TASKS}/{task_id}")
    common: dict[str, Any] = {
        "task_id": task_id, "epoch": 1, "offset": 0, "line": 1, "data": None, "succeeded": 0,
    }  # fmt: skip
    begin = seal(LogRecord(seq=0, kind=RecordKind.BEGIN, row=0, failed=0, **common), ROOT_SHA)
    await front.store.log.append(begin)
    batch = LogRecord(
        seq=1,
        kind=RecordKind.BATCH,
        row=3,
        failed=len(failed_rows),
        failed_rows=failed_rows,
        **common,
    )
    await front.store.log.append(seal(batch, begin.sha))
    await front.scheduler.end(task_id, TaskStatus.PARTIAL, b'"col1"\n')
    return task_id


async def rerun(
    front: Front, task_id: str, key: str | None = "k-1", **query: str
) -> httpx.Response:
    headers = {"idempotency-key": key} if key is not None else {}
    return await front.http.post(f"{TASKS}/{task_id}/rerun", params=query, headers=headers)


async def count(front: Front) -> int:
    return len(await front.store.tasks.page("a" * 32, limit=99, start=None))


async def test_it_is_a_new_task_of_the_failed_rows_and_says_where_it_is(front: Front) -> None:
    task_id = await ended(front, 1, 3)
    response = await rerun(front, task_id, None)
    made = response.json()["data"]["_read_only"]

    assert response.status_code == 201
    assert response.headers["location"] == f"{TASKS}/{made['id']}"
    assert (made["status"], made["total_count"]) == ("pending", 2)
    stored = await front.http.get(f"{response.headers['location']}/input")
    assert stored.text == '"col1","col2"\n"1","2"\n"5","6"\n'


async def test_asking_again_gives_the_first_answer_and_no_second_task(front: Front) -> None:
    task_id = await ended(front, 2)
    first, again = await rerun(front, task_id), await rerun(front, task_id)

    assert [one.status_code for one in (first, again)] == [201, 201]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.json()["data"] == first.json()["data"]
    assert await count(front) == 2


async def test_asking_many_times_at_once_makes_one_task(front: Front) -> None:
    task_id = await ended(front, 1, 2)
    answers = await asyncio.gather(*(rerun(front, task_id) for _ in range(10)))
    made = {one.json()["data"]["_read_only"]["id"] for one in answers if one.status_code == 201}

    assert len(made) == 1
    assert {one.status_code for one in answers} <= {201, 409}
    assert all(one.headers["retry-after"] for one in answers if one.status_code == 409)
    assert await count(front) == 2


async def test_without_a_key_or_under_another_each_request_makes_a_task(front: Front) -> None:
    task_id = await ended(front, 1)
    for key in (None, None, "k-1", "k-2"):
        assert (await rerun(front, task_id, key)).status_code == 201

    assert await count(front) == 5


async def test_another_request_under_the_same_key_is_refused(front: Front) -> None:
    first, second = await ended(front, 1), await ended(front, 2)
    await rerun(front, first)

    assert (await rerun(front, second)).status_code == 422
    assert (await rerun(front, first, start="true")).status_code == 422
    assert await count(front) == 3


async def test_a_refused_rerun_leaves_its_key_free(front: Front) -> None:
    without, with_failures = await ended(front), await ended(front, 1)

    assert (await rerun(front, without)).status_code == 400
    assert (await rerun(front, with_failures)).status_code == 201


async def test_a_start_that_was_refused_is_told(front: Front, listener: KazooListener) -> None:
    task_id = await ended(front, 1)

    async def silent(_: str) -> None:
        await asyncio.Event().wait()

    front.scheduler.start = silent  # type: ignore[method-assign, assignment]  # never answers
    response = await rerun(front, task_id, start="true")

    assert response.status_code == 201
    assert response.json()["start_refused"] == "scheduler_unavailable"
    assert response.json()["data"]["_read_only"]["status"] == "pending"


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é"])
async def test_what_cannot_be_a_key_is_refused(front: Front, key: str) -> None:
    task_id = await ended(front, 1)
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    response = await front.http.post(f"{TASKS}/{task_id}/rerun", headers=headers)

    assert response.status_code == 400
    assert await count(front) == 1
