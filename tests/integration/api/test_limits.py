"""One account cannot starve the others, and a slow client cannot hold a place."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from kztasks.api.config import ApiSettings, Concurrency, Rates, UploadPace
from kztasks.kazoo.operations import StartRefusal
from tests.integration.api.kit import CHILD, NOTHING, TASKS, TOKENS, Exchange, Front

pytestmark = pytest.mark.store

UNFINISHED = 20


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(
        node="kztasks@h1",
        rates=Rates(burst=50, per_s=0.001),
        concurrency=Concurrency(requests=6, uploads=2),
        pace=UploadPace(grace_s=0.3, min_bytes_per_s=1_000_000),
        unfinished_tasks=UNFINISHED,
    )


async def test_the_envelope_tells_the_truth_about_the_bucket(front: Front) -> None:
    first = (await front.http.get(TASKS)).json()["tokens"]
    second = (await front.http.get(f"{TASKS}/x")).json()["tokens"]

    assert first == {"consumed": 1, "remaining": 49}
    assert second == {"consumed": 1, "remaining": 48}


async def test_who_asks_too_often_has_to_wait_and_others_do_not(front: Front) -> None:
    for _ in range(50):
        assert (await front.http.get(TASKS)).status_code == 200
    refused = await front.http.get(TASKS)
    child = f"/v2/accounts/{CHILD}/tasks"
    other = await front.http.get(child, headers={"x-auth-token": TOKENS[CHILD]})

    assert refused.status_code == 429
    assert refused.json()["message"] == "too_many_requests"
    assert refused.json()["data"] == {"message": "too many requests"}
    assert refused.json()["tokens"] == {"consumed": 0, "remaining": 0}
    assert int(refused.headers["retry-after"]) >= 1
    assert other.status_code == 200


async def test_trying_tokens_is_expensive_and_stops_nobody_who_has_one(front: Front) -> None:
    statuses = [
        (await front.http.get(TASKS, headers={"x-auth-token": f"guess-{n}"})).status_code
        for n in range(12)
    ]
    good = await front.http.get(TASKS)

    assert statuses == [401] * 10 + [429] * 2
    assert good.status_code == 200


async def test_trying_api_keys_is_more_expensive_still(front: Front) -> None:
    body = {"data": {"api_key": "x" * 64}}
    statuses = [(await front.http.put("/v2/api_auth", json=body)).status_code for _ in range(3)]

    assert statuses == [404, 429, 429]


async def test_an_account_has_so_many_uploads_at_once(front: Front) -> None:
    go_on, begun = asyncio.Event(), [asyncio.Event(), asyncio.Event()]

    async def slowly(number: int) -> AsyncIterator[bytes]:
        yield b"col1,col2\n"
        begun[number].set()
        await go_on.wait()
        yield b"1,2\n"

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(front.put(slowly(number))) for number in range(2)]
        for event in begun:
            await event.wait()
        third = await front.put(b"col1,col2\n1,2\n")
        reading = await front.http.get(TASKS)
        go_on.set()

    assert third.status_code == 429
    assert third.headers["retry-after"] == "1"
    assert reading.status_code == 200
    assert [one.result().status_code for one in running] == [201, 201]
    assert (await front.put(b"col1,col2\n1,2\n")).status_code == 201


async def test_a_trickling_upload_is_cut_off_and_leaves_nothing(front: Front) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"col1,col2\n"
        while True:
            await asyncio.sleep(0.02)
            yield b"1,2\n"

    exchange = Exchange(
        front.app, "PUT", TASKS, "category=skel&action=id2", {"content-type": "text/csv"}
    )
    exchange.headers["transfer-encoding"] = "chunked"
    async with asyncio.timeout(5):
        await exchange.run(trickle())

    assert exchange.status == 408
    assert exchange.answer_headers["connection"] == "close"
    assert b"slow_upload" in exchange.body
    assert await front.stored() == NOTHING


async def test_a_body_that_never_comes_is_not_waited_for(front: Front) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    for method, path in (("PUT", TASKS), ("PATCH", f"{TASKS}/x"), ("POST", TASKS)):
        headers = {"content-type": "application/json", "content-length": "100"}
        exchange = Exchange(front.app, method, path, "category=skel&action=id2", headers)
        async with asyncio.timeout(5):
            await exchange.run(nothing())
        assert exchange.status == 408, method


async def test_an_account_has_no_more_unfinished_tasks_than_it_may(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before the input is read; nothing is stored."""
    monkeypatch.setattr("kztasks.quota.FRESH_S", 0.0)
    monkeypatch.setattr("kztasks.quota.SHARE", math.inf)
    ids = [await front.create() for _ in range(UNFINISHED)]
    before = await front.stored()
    refused = await front.put(b"col1,col2\n1,2\n")

    assert refused.status_code == 429
    assert refused.json()["data"]["cause"] == "too_many_tasks"
    assert int(refused.headers["retry-after"]) >= 1
    assert await front.stored() == before
    assert (await front.http.delete(f"{TASKS}/{ids[0]}")).status_code == 200
    await front.create()


async def test_a_start_beyond_the_running_tasks_of_an_account_has_to_wait(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = await front.create()

    async def start(_task_id: str) -> StartRefusal:
        return StartRefusal.TOO_MANY_TASKS

    monkeypatch.setattr(front.scheduler, "start", start)
    refused = await front.http.patch(f"{TASKS}/{task_id}")
    assert refused.status_code == 429
    assert refused.json()["data"]["cause"] == "too_many_tasks"
    assert int(refused.headers["retry-after"]) >= 1
    created = await front.put(b"col1,col2\n1,2\n", start="true")
    assert created.status_code == 201
    assert created.json()["start_refused"] == "too_many_tasks"
