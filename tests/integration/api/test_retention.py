"""Of a task whose time is over, the front says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kztasks.domain.retention import Part
from kztasks.domain.status import TaskStatus
from kztasks.store.retention import Due
from tests.integration.api.kit import TASKS, Front

pytestmark = pytest.mark.store

EXPIRED = "removed after the time that it is kept"


OUTPUT = b'"col1","col2"\n"1","2"\n'


async def expired(front: Front, part: Part, output: bytes | None = OUTPUT) -> str:
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.scheduler.end(task_id, TaskStatus.PARTIAL, output)
    store = front.store.retention
    due = Due(part, await store.now() + timedelta(days=1))
    await store.expire(due, await store.due(due, limit=10))
    return task_id


@pytest.mark.parametrize("name", ["input", "output"])
async def test_a_file_whose_time_is_over_is_not_found_and_the_answer_says_why(
    front: Front, name: str
) -> None:
    task_id = await expired(front, Part.FILES)
    response = await front.http.get(f"{TASKS}/{task_id}/{name}")

    assert response.status_code == 404
    assert response.json()["data"] == {
        "message": "bad identifier", "cause": task_id, "reason": EXPIRED,
    }  # fmt: skip


async def test_an_output_that_went_with_the_log_is_not_found_and_the_answer_says_why(
    front: Front,
) -> None:
    task_id = await expired(front, Part.LOG, None)
    response = await front.http.get(f"{TASKS}/{task_id}/output")

    assert response.status_code == 404
    assert response.json()["data"]["reason"] == EXPIRED


async def test_a_task_without_its_files_is_still_there_and_lists_none(front: Front) -> None:
    task_id = await expired(front, Part.FILES)
    response = await front.http.get(f"{TASKS}/{task_id}")

    assert response.status_code == 200
    shown = response.json()["data"]["_read_only"]
    assert (shown["status"], shown["success_count"]) == ("partial", 2)
    assert "csvs" not in shown


async def test_failed_rows_are_neither_sent_nor_run_again_without_the_log(front: Front) -> None:
    task_id = await expired(front, Part.LOG)
    for answer in (
        await front.http.get(f"{TASKS}/{task_id}/errors"),
        await front.http.post(f"{TASKS}/{task_id}/rerun"),
    ):
        assert answer.status_code == 404
        assert answer.json()["data"]["reason"] == EXPIRED
    assert (await front.http.get(f"{TASKS}/{task_id}/output")).status_code == 200


async def test_the_failed_rows_of_a_task_without_its_input_cannot_be_run_again(
    front: Front,
) -> None:
    task_id = await expired(front, Part.FILES)
    answer = await front.http.post(f"{TASKS}/{task_id}/rerun")

    assert answer.status_code == 404
    assert answer.json()["data"]["reason"] == EXPIRED
