"""A task is made of a CSV, of JSON records or of nothing, and its input is stored whole."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import InputFile
from tests.integration.api.kit import TASKS, A, Front

pytestmark = pytest.mark.store


async def content(front: Front, task_id: str) -> bytes:
    response = await front.http.get(f"{TASKS}/{task_id}/input")
    assert response.status_code == 200
    return response.content


async def test_a_csv_makes_a_pending_task_with_its_rows_counted(front: Front) -> None:
    response = await front.put(b"col1,col2\n1,2\n3,4\n", file_name="mine.csv")

    assert response.status_code == 201
    shown = response.json()["data"]["_read_only"]
    assert len(shown.pop("id")) == 30
    assert shown.pop("created") > 63_900_000_000
    assert shown == {
        "account_id": A,
        "auth_account_id": A,
        "category": "skel",
        "action": "id2",
        "file_name": "mine.csv",
        "total_count": 2,
        "status": "pending",
    }


@pytest.mark.parametrize("piece", [1, 3, 1000])
async def test_the_stored_input_is_described_exactly(front: Front, piece: int) -> None:
    csv = b'\xef\xbb\xbfcol1,col2\r\n"1","a ""b"",\nc"\r\n3,4'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(csv), piece):
            yield csv[start : start + piece]

    response = await front.put(pieces())
    task = await front.store.tasks.get(response.json()["data"]["_read_only"]["id"])

    assert task is not None
    assert task.status is TaskStatus.PENDING
    assert task.total_rows == 2
    assert task.input == InputFile(
        file_id=f"{task.id}.in.csv",
        columns=("col1", "col2"),
        size=len(csv),
        body_offset=14,
        body_line=2,
        sha256=hashlib.sha256(csv).hexdigest(),
    )
    assert await content(front, task.id) == csv


@pytest.mark.parametrize(
    "content_type",
    ["text/csv; charset=utf-8", "text/comma-separated-values", "application/octet-stream"],
)
async def test_csv_is_accepted_under_each_of_its_types(front: Front, content_type: str) -> None:
    response = await front.put(b"col1,col2\n1,2\n", content_type)

    assert response.status_code == 201


async def test_records_become_a_csv_with_the_columns_of_all_of_them(front: Front) -> None:
    body = b"""{"data": {"file_name": "r.csv", "ui_metadata": {"x": 1}, "records": [
        {"col1": "a", "col2": 2}, {"col2": true, "col3": "say \\"hi\\""}, {"col1": null}]}}"""

    response = await front.put(body, "application/json")
    shown = response.json()["data"]["_read_only"]

    assert response.status_code == 201
    assert shown["total_count"] == 3
    assert shown["file_name"] == "r.csv"
    assert await content(front, shown["id"]) == (
        b'"col1","col2","col3"\n"a","2",\n,"true","say ""hi"""\n,,\n'
    )


async def test_records_without_a_content_type_are_json(front: Front) -> None:
    response = await front.put(b'{"data":{"records":[{"col1":1,"col2":2}]}}', None)

    assert response.status_code == 201


async def test_a_single_column_of_records_loses_no_record_that_is_empty(front: Front) -> None:
    body = b'{"data":{"records":[{"col1":"a"},{"col1":""},{"col1":null}]}}'

    response = await front.put(body, "application/json", action="id1")

    assert response.json()["data"]["_read_only"]["total_count"] == 3


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", None),
        (b"", "text/csv"),
        (b"", "application/json"),
        (b'{"data":{"ui_metadata":{"version":"4.3"}}}', "application/json"),
        (b'{"data":{"records":[]}}', "application/json"),
        (b'{"data":[]}', "application/json"),
    ],
)
async def test_a_noinput_action_needs_no_input(
    front: Front, body: bytes, content_type: str | None
) -> None:
    response = await front.put(body, content_type, action="tick")
    shown = response.json()["data"]["_read_only"]

    assert response.status_code == 201
    assert "total_count" not in shown
    assert await front.stored() == {
        "tasks": 1, "log": 0, "attachments.files": 0, "attachments.chunks": 0,
    }  # fmt: skip


async def test_unknown_keys_of_the_query_are_ignored(front: Front) -> None:
    response = await front.put(b"col1,col2\n1,2\n", _="1795539634337", other="x")

    assert response.status_code == 201


async def test_a_file_name_in_the_body_wins_over_the_query(front: Front) -> None:
    body = b'{"data":{"file_name":"body.csv"}}'

    response = await front.put(body, "application/json", action="tick", file_name="query.csv")

    assert response.json()["data"]["_read_only"]["file_name"] == "body.csv"


async def test_an_accepted_csv_is_one_task_one_file_and_its_chunks(front: Front) -> None:
    await front.create(b"col1,col2\n" + b"1,2\n" * 150_000)

    stored = await front.stored()
    assert stored.pop("attachments.chunks") >= 2
    assert stored == {"tasks": 1, "log": 0, "attachments.files": 1}
