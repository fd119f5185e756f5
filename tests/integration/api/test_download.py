"""CSVs come back byte by byte, under Kazoo's headers."""

from __future__ import annotations

import pytest

from kztasks.domain.status import TaskStatus
from tests.integration.api.kit import TASKS, Front

pytestmark = pytest.mark.store

INPUT = b"col1,col2\n1,2\n3,4\n"
OUTPUT = b'"col1","col2"\n"1","2"\n' * 20_000


async def finished(front: Front, output: bytes = OUTPUT) -> str:
    task_id = await front.create(INPUT)
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.scheduler.end(task_id, TaskStatus.SUCCESS, output)
    return task_id


@pytest.mark.parametrize(
    ("path", "query", "accept", "content", "name"),
    [
        ("/output", {}, "*/*", OUTPUT, "out"),
        ("/input", {}, "*/*", INPUT, "in"),
        ("/output", {"_": "1"}, "text/plain, */*; q=0.01", OUTPUT, "out"),
        ("/output", {}, "application/json", OUTPUT, "out"),
        ("", {}, "text/csv", OUTPUT, "out"),
        ("", {"csv_name": "in.csv"}, "text/csv", INPUT, "in"),
        ("", {"accept": "csv"}, "application/json", OUTPUT, "out"),
        ("", {"accept": "text/csv", "csv_name": "in.csv"}, "*/*", INPUT, "in"),
    ],
)
async def test_a_csv_is_sent_where_it_is_asked_for(
    front: Front, path: str, query: dict[str, str], accept: str, content: bytes, name: str
) -> None:
    task_id = await finished(front)
    response = await front.http.get(
        f"{TASKS}/{task_id}{path}",
        params=query,
        headers={"accept": accept, "content-type": "text/csv"},
    )

    assert response.status_code == 200
    assert response.content == content
    assert response.headers["content-type"] == "text/csv"
    assert response.headers["content-length"] == str(len(content))
    assert response.headers["content-disposition"] == (
        f'attachment; filename="skel_id2_{task_id}_{name}.csv"'
    )


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/plain", "text/html, */*", ""])
async def test_otherwise_it_is_json(front: Front, accept: str) -> None:
    task_id = await finished(front)
    response = await front.http.get(f"{TASKS}/{task_id}", headers={"accept": accept})

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()["data"]["_read_only"]["id"] == task_id


async def test_an_empty_csv_is_no_content(front: Front) -> None:
    response = await front.http.get(f"{TASKS}/{await finished(front, b'')}/output")

    assert response.status_code == 204
    assert response.content == b""


async def test_an_output_that_does_not_exist_yet(front: Front) -> None:
    task_id = await front.create(INPUT)
    response = await front.http.get(f"{TASKS}/{task_id}/output")

    assert response.status_code == 404
    assert response.json()["message"] == "bad_identifier"
    assert response.json()["data"] == {"cause": task_id, "message": "bad identifier"}


async def test_a_task_without_input_has_no_input(front: Front) -> None:
    task_id = await front.create(b"", action="tick")

    assert (await front.http.get(f"{TASKS}/{task_id}/input")).status_code == 404


@pytest.mark.parametrize("name", ["x.csv", "../../etc/passwd", "in.csv\x00", "a\r\nX: y"])
async def test_a_csv_name_is_a_label_and_never_a_path(front: Front, name: str) -> None:
    task_id = await finished(front)
    response = await front.http.get(
        f"{TASKS}/{task_id}", params={"accept": "csv", "csv_name": name}
    )

    assert response.status_code == 404


async def test_a_file_that_is_gone_from_the_store_is_not_found(front: Front) -> None:
    task_id = await front.create(INPUT)
    await front.store.files.delete(f"{task_id}.in.csv")

    assert (await front.http.get(f"{TASKS}/{task_id}/input")).status_code == 404
