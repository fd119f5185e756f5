"""Every bad input gets its error, and leaves no document, no file and no chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kztasks.api.errors import BAD_SHAPE, BAD_SYNTAX, TOO_LARGE_CSV
from tests.integration.api.kit import NOTHING, TASKS, Exchange, Front

pytestmark = pytest.mark.store

BIG = b"col1,col2\n" + b"1,2\n" * 200_000
"""Several chunks in the store before the last line is seen."""


async def refused(front: Front, response: Any, status: int) -> Any:
    """Check the envelope and that nothing was left; gives `data`."""
    content = response.json()
    assert response.status_code == status, content
    assert content["status"] == "error"
    assert content["error"] == str(status)
    assert content["request_id"] == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"
    assert await front.stored() == NOTHING
    return content["data"]


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", None])
async def test_an_empty_body_for_an_action_that_wants_a_csv(
    front: Front, content_type: str | None
) -> None:
    data = await refused(front, await front.put(b"", content_type), 400)

    assert data == {"expected_content": "text/csv", "missing_mandatory_fields": ["col1", "col2"]}


@pytest.mark.parametrize(
    ("csv", "message", "line", "cause"),
    [
        (b"col1,col2\n", BAD_SHAPE, 2, "at least one row"),
        (b"col1,col2", BAD_SHAPE, 2, "at least one row"),
        (b"\n", BAD_SHAPE, None, "a header is needed"),
        (b"col1,,col2\n1,2,3\n", BAD_SHAPE, 1, "column 2 has none"),
        (b"col1,col2\n1,2\n1\n", BAD_SHAPE, 3, "this row has 1"),
        (b"col1,col2\n1,2,3\n", BAD_SHAPE, 2, "this row has 3"),
        (b"col1,col2\n1,2\n\n3,4\n", BAD_SYNTAX, 3, "blank line"),
        (b'col1,col2\n1,"2\n', BAD_SYNTAX, 2, "closing quote is missing"),
        (b'col1,col2\n1,a"2"\n', BAD_SYNTAX, 2, "before a cell's opening quote"),
        (b"col1,col2\n1,\xff\n", BAD_SYNTAX, 2, "not UTF-8"),
        (b"col1,col2\n1,\x00\n", BAD_SYNTAX, 2, "NUL"),
        (b"col1,col2\n1," + b"x" * 300_000 + b"\n", TOO_LARGE_CSV, 2, "262144 bytes"),
        (BIG + b"1\n", BAD_SHAPE, 200_002, "this row has 1"),
    ],
)
async def test_a_csv_of_a_wrong_shape_is_told_with_line_and_rule(
    front: Front, csv: bytes, message: str, line: int | None, cause: str
) -> None:
    response = await front.put(csv)
    data = await refused(front, response, 400)

    assert response.json()["message"] == "validation error"
    fault = data["csv"]["format"]
    assert fault["message"] == message
    assert cause in fault["cause"]
    assert line is None or fault["line"] == line


async def test_missing_mandatory_columns(front: Front) -> None:
    response = await front.put(b"col3,col2\n1,2\n")
    data = await refused(front, response, 400)

    assert response.json()["message"] == "bad request"
    assert data == {"missing_mandatory_fields": ["col1"]}


async def test_missing_mandatory_values_are_shown_as_rows(front: Front) -> None:
    data = await refused(front, await front.put(b"col1,col2\n,2\n3,4\n5,\n"), 400)

    assert data == {"missing_mandatory_values": [',"2"\n', '"5",\n']}


async def test_a_missing_value_in_the_last_of_many_rows(front: Front) -> None:
    data = await refused(front, await front.put(BIG + b",2\n"), 400)

    assert data == {"missing_mandatory_values": [',"2"\n']}


async def test_several_kinds_of_errors_are_told_at_once(front: Front) -> None:
    data = await refused(front, await front.put(b"col1,x\n,2\n3,4\n"), 400)

    assert data == {
        "missing_mandatory_fields": ["col2"],
        "missing_mandatory_values": [',"2"\n'],
    }


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"col1\n1\n", "text/csv"),
        (BIG, "text/csv"),
        (b'{"data":{"records":[{"a":1}]}}', "application/json"),
    ],
)
async def test_input_for_an_action_that_takes_none(
    front: Front, body: bytes, content_type: str
) -> None:
    data = await refused(front, await front.put(body, content_type, action="tick"), 400)

    assert data == {"expected_content": "none"}


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/x-www-form-urlencoded", {}),
        ("multipart/form-data", {}),
        ("text/plain", {}),
        ("text/csv; charset=iso-8859-1", {}),
        ("text/csv", {"content-encoding": "gzip"}),
    ],
)
async def test_a_wrong_content_type(
    front: Front, content_type: str, headers: dict[str, str]
) -> None:
    response = await front.http.put(
        TASKS,
        params={"category": "skel", "action": "id2"},
        content=b"col1,col2\n1,2\n",
        headers={"content-type": content_type, **headers},
    )

    await refused(front, response, 415)


@pytest.mark.parametrize(
    ("category", "action"),
    [
        ("nope", "id2"),
        ("skel", "nope"),
        ("skel", "x" * 300),
        ("skel.id2", "id2"),
        ("#", "*"),
        ("skel", "id2\x00"),
        ("skel", "é"),
    ],
)
async def test_an_unknown_category_or_action(front: Front, category: str, action: str) -> None:
    response = await front.put(b"col1,col2\n1,2\n", category=category, action=action)

    assert await refused(front, response, 404) == ["unknown_category_action"]


@pytest.mark.parametrize("query", [{}, {"category": "skel"}, {"action": "id2", "category": ""}])
async def test_a_missing_category_or_action(front: Front, query: dict[str, str]) -> None:
    response = await front.http.put(
        TASKS, params=query, content=b"col1\n1\n", headers={"content-type": "text/csv"}
    )
    data = await refused(front, response, 400)

    assert response.json()["message"] == "invalid request"
    assert data == {"message": "invalid request"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{", "json.invalid"),
        (b'{"data":{"records":[{"a":NaN}]}}', "json.invalid"),
        (b'{"data":{"records":[{"a":99999999999999999999}]}}', "json.invalid"),
        (b'{"data":{"records":[{"a":"\\ud800"}]}}', "json.invalid"),
        (b'{"data":{"records":[{"a\\u0000":1}]}}', "json.invalid"),
        (b'{"data":{"records":[{"a":1,"a":2}]}}', "json.invalid"),
        (b'{"data":' * 5_000, "json.invalid"),
        (b"\xff", "json.invalid"),
        (b"[]", "json.type"),
        (b'{"records":[]}', "data.required"),
        (b'{"data":"x"}', "data.type"),
        (b'{"data":{"records":{"a":1}}}', "records.type"),
        (b'{"data":{"records":[{"col1":1},7]}}', "records.1.type"),
        (b'{"data":{"file_name":7,"records":[{"col1":1}]}}', "file_name.type"),
        (b'{"data":{"file_name":"a\\nb","records":[{"col1":1}]}}', "file_name.pattern"),
        (b'{"data":{"file_name":"' + b"x" * 300 + b'"}}', "file_name.maxLength"),
        (b'{"data":{"records":[{"":1,"col1":2,"col2":3}]}}', "csv.format"),
        (b'{"data":{"records":[{}]}}', "csv.format"),
    ],
)
async def test_a_bad_json_body_names_the_field_and_the_rule(
    front: Front, body: bytes, path: str
) -> None:
    response = await front.put(body, "application/json")
    data = await refused(front, response, 400)

    assert response.json()["message"] == "validation error"
    for name in path.split("."):
        data = data[name]
    assert data["message"]


async def test_records_without_a_mandatory_column(front: Front) -> None:
    body = b'{"data":{"records":[{"col1":"1"},{"x":"2"}]}}'

    data = await refused(front, await front.put(body, "application/json"), 400)

    assert data == {"missing_mandatory_fields": ["col2"]}


async def test_a_body_that_is_declared_too_large_is_not_even_read(front: Front) -> None:
    response = await front.put(b"x" * 1_000_001)
    data = await refused(front, response, 413)

    assert data["file"]["maxSize"]["target"] == 1_000_000
    assert front.scheduler.asked == []


async def test_a_body_that_turns_out_too_large(front: Front) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"col1,col2\n"
        for _ in range(100):
            yield b"1,2\n" * 5_000

    await refused(front, await front.put(endless()), 413)


async def test_json_that_is_too_large(front: Front) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 1000

    await refused(front, await front.put(endless(), "application/json"), 413)


@pytest.mark.parametrize("chunks", [0, 1, 60])
async def test_a_client_that_hangs_up_in_the_middle(front: Front, chunks: int) -> None:
    async def upload() -> AsyncIterator[bytes]:
        for number in range(chunks):
            yield b"1,2\n" * 4_000 if number else b"col1,col2\n"

    headers = {"content-type": "text/csv"}
    exchange = Exchange(front.app, "PUT", TASKS, "category=skel&action=id2", headers)
    await exchange.run(upload(), hang_up=True)

    assert exchange.status is None
    assert await front.stored() == NOTHING


async def test_a_create_for_somebody_else(front: Front) -> None:
    response = await front.http.put(
        f"/v2/accounts/{'d' * 32}/tasks",
        params={"category": "skel", "action": "id2"},
        content=b"col1,col2\n1,2\n",
        headers={"content-type": "text/csv"},
    )

    await refused(front, response, 403)
