"""JSON bodies are held in memory, so their bytes are counted before the first of them is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from kztasks.api.config import ApiSettings
from tests.integration.api.kit import CHILD, NOTHING, TASKS, TOKENS, Exchange, Front

pytestmark = pytest.mark.store

BYTES = 100_000


@pytest.fixture
def api_settings(request: pytest.FixtureRequest) -> ApiSettings:
    """All bodies together may be as large as one, or as a test says."""
    total = getattr(request, "param", BYTES + 1000)
    return ApiSettings(node="n", max_json_bytes=BYTES, all_json_bytes=total)


def body_of(size: int) -> bytes:
    begin, end = b'{"data":{"records":[{"col1":"1","col2":"', b'"}]}}'
    return begin + b"x" * (size - len(begin) - len(end)) + end


def upload(front: Front, size: int) -> Exchange:
    headers = {"content-type": "application/json", "content-length": str(size)}
    return Exchange(front.app, "PUT", TASKS, "category=skel&action=id2", headers)


async def test_an_account_has_as_many_bytes_at_once_as_the_largest_body(front: Front) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    body, read = body_of(60_000), 0

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:10]
        begun.set()
        await go_on.wait()
        yield body[10:]

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield body

    first, second = upload(front, 60_000), upload(front, 60_000)
    second.headers["expect"] = "100-continue"
    running = asyncio.create_task(first.run(slowly()))
    await begun.wait()
    await second.run(counted())
    small = await front.http.patch(f"{TASKS}/x", json={"data": {}})
    go_on.set()
    await running

    assert (second.status, second.answer_headers["retry-after"]) == (429, "1")
    assert read == 0, "it was refused before its body was read"
    assert small.status_code == 404
    assert first.status == 201
    third = upload(front, 60_000)
    await third.run(counted())
    assert third.status == 201


async def test_all_accounts_together_have_so_many_bytes(front: Front) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    body = body_of(BYTES)

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:10]
        begun.set()
        await go_on.wait()
        yield body[10:]

    first = upload(front, BYTES)
    running = asyncio.create_task(first.run(slowly()))
    await begun.wait()
    child = f"/v2/accounts/{CHILD}/tasks"
    query = {"category": "skel", "action": "id2"}
    records = {"data": {"records": [{"col1": "1" * 1000, "col2": "2"}]}}
    headers = {"x-auth-token": TOKENS[CHILD]}
    other = await front.http.put(child, params=query, json=records, headers=headers)
    csv = {**headers, "content-type": "text/csv"}
    streamed = await front.http.put(child, params=query, content=b"col1,col2\n1,2\n", headers=csv)
    go_on.set()
    await running

    assert other.status_code == 503
    assert other.json()["data"]["cause"] == "overloaded"
    assert other.headers["retry-after"]
    assert streamed.status_code == 201
    assert first.status == 201


async def test_a_small_body_of_unknown_length_leaves_room_for_others(front: Front) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield body_of(200)

    exchanges = [upload(front, 0) for _ in range(3)]
    for exchange in exchanges:
        del exchange.headers["content-length"]
        exchange.headers["transfer-encoding"] = "chunked"
        await exchange.run(chunks())

    assert [one.status for one in exchanges] == [201] * 3


async def test_a_large_body_is_for_creating_alone(front: Front) -> None:
    body = {"verb": "get", "data": {"x": "y" * 70_000}}
    response = await front.http.post(TASKS, json=body)

    assert response.status_code == 413


@pytest.mark.parametrize(
    "records",
    [
        [{f"k{number}": 1} for number in range(400)],
        [{f"k{number}": 1 for number in range(500)}] + [{}] * 300,
    ],
)
async def test_records_that_are_nearly_all_holes_are_refused(
    front: Front, records: list[dict[str, int]]
) -> None:
    query = {"category": "skel", "action": "id1"}
    response = await front.http.put(TASKS, params=query, json={"data": {"records": records}})

    assert response.status_code == 400
    assert response.json()["data"]["records"]["maxItems"]["target"] == BYTES
    assert await front.stored() == NOTHING


@pytest.mark.parametrize("api_settings", [10 * BYTES], indirect=True)
async def test_a_client_that_sends_slowly_holds_no_place_among_the_decoded(front: Front) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    body = body_of(BYTES)

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:-10]
        begun.set()
        await go_on.wait()
        yield body[-10:]

    first = upload(front, BYTES)
    running = asyncio.create_task(first.run(slowly()))
    await begun.wait()
    deep = b"[" * 28 + b"]" * 28
    worst = b",".join([deep] * ((BYTES - 100) // (len(deep) + 1)))
    async with asyncio.timeout(8):  # takes all the memory that there is for decoded bodies
        other = await front.http.put(
            f"/v2/accounts/{CHILD}/tasks",
            params={"category": "skel", "action": "id2"},
            content=b'{"data":{"records":[{"col1":"1","col2":"2"}],"x":[' + worst + b"]}}",
            headers={"x-auth-token": TOKENS[CHILD], "content-type": "application/json"},
        )
    go_on.set()
    await running

    assert (first.status, other.status_code) == (201, 201)
