"""A task is started at once, refused beforehand, or uploaded in another spelling."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kztasks.kazoo.listener import KazooListener
from tests.integration.api.kit import NOTHING, TASKS, Front

pytestmark = pytest.mark.store

CSV = b"col1,col2\n1,2\n3,4\n"
QUERY = {"category": "skel", "action": "id2"}


async def test_a_task_is_started_with_its_creation(front: Front) -> None:
    response = await front.put(CSV, start="true")

    assert response.status_code == 201
    shown = response.json()["data"]["_read_only"]
    assert shown["status"] == "executing"
    assert ("start", shown["id"]) in front.scheduler.asked


async def test_a_task_that_cannot_be_started_is_there_all_the_same(
    front: Front, listener: KazooListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(task_id: str) -> Any:
        await listener.close()
        raise RuntimeError(task_id)

    monkeypatch.setattr(front.scheduler, "start", silent)
    response = await front.put(CSV, start="true")

    assert response.status_code == 201
    assert response.json()["start_refused"] == "scheduler_unavailable"
    assert response.json()["data"]["_read_only"]["status"] == "pending"
    assert (await front.http.get(response.headers["location"])).status_code == 200


async def test_without_start_nothing_is_started(front: Front) -> None:
    assert (await front.put(CSV, start="false")).status_code == 201
    for value in ("", "1", "True", "nonsense"):
        assert (await front.put(CSV, start=value)).status_code == 400
    assert {call[0] for call in front.scheduler.asked} == {"lookup"}


async def test_location_says_where_the_new_task_is(front: Front) -> None:
    response = await front.put(CSV)
    task_id = response.json()["data"]["_read_only"]["id"]

    assert response.headers["location"] == f"{TASKS}/{task_id}"


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (b"col1,col2\n1\n", "id2"),
        (b"col1\n1\n", "id2"),
        (b"col1,col2\n,2\n", "id2"),
        (b"", "id2"),
        (CSV, "tick"),
        (CSV, "nope"),
        (b"x" * 2_000_000, "id2"),
    ],
)
async def test_a_bad_input_is_refused_as_creation_refuses_it(
    front: Front, body: bytes, action: str
) -> None:
    checked = await front.put(body, action=action, validate_only="true")
    created = await front.put(body, action=action)

    assert checked.status_code == created.status_code >= 400
    assert checked.json()["data"] == created.json()["data"]
    assert await front.stored() == NOTHING


async def test_a_csv_in_base64_is_decoded(front: Front) -> None:
    response = await front.http.put(
        TASKS,
        params=QUERY,
        content=base64.encodebytes(CSV),
        headers={"content-type": "text/csv", "content-transfer-encoding": "base64"},
    )
    url = response.headers["location"]

    assert response.status_code == 201
    assert (await front.http.get(f"{url}/input")).content == CSV


@pytest.mark.parametrize(("coding", "status"), [("base64", 400), ("quoted-printable", 415)])
async def test_another_spelling_is_refused(front: Front, coding: str, status: int) -> None:
    headers = {"content-type": "text/csv", "content-transfer-encoding": coding}
    response = await front.http.put(TASKS, params=QUERY, content=b"=41=", headers=headers)

    assert response.status_code == status
    assert await front.stored() == NOTHING


async def test_a_browsers_form_uploads_a_file(front: Front) -> None:
    response = await front.http.post(
        TASKS,
        params={**QUERY, "verb": "put"},
        files={"file": ("C:\\numbers.csv", CSV, "text/csv")},
        data={"comment": "from a form"},
    )
    assert response.status_code == 200, response.text
    shown = response.json()["data"]["_read_only"]

    assert shown["total_count"] == 2
    assert shown["file_name"] == "C:\\numbers.csv"
    assert (await front.http.get(f"{TASKS}/{shown['id']}/input")).content == CSV


async def test_a_field_of_the_form_names_the_file(front: Front) -> None:
    response = await front.http.put(
        TASKS, params=QUERY, files={"file": ("a.csv", CSV)}, data={"file_name": "mine.csv"}
    )

    assert response.json()["data"]["_read_only"]["file_name"] == "mine.csv"


async def test_a_form_over_the_limit_is_refused_while_it_streams(front: Front) -> None:
    async def form() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\ncol1,col2\n'
        for _ in range(300):
            yield b"1,2\n" * 2000

    response = await front.http.put(
        TASKS,
        params=QUERY,
        content=form(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )

    assert response.status_code == 413
    assert await front.stored() == NOTHING


async def test_a_form_without_a_file_is_no_input(front: Front) -> None:
    tick = {"category": "skel", "action": "tick"}
    response = await front.http.put(TASKS, params=tick, files={"x": (None, b"y")})

    assert response.status_code == 201
