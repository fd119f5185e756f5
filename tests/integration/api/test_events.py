"""A task is watched: from a snapshot to its end, also after a break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kztasks.api.app import announce_close
from kztasks.api.config import ApiSettings, Concurrency
from kztasks.domain.status import TaskStatus
from kztasks.errors import StoreUnavailable
from kztasks.store.records import View
from tests.integration.api.kit import TASKS, Exchange, Front

pytestmark = pytest.mark.store


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(
        node="kztasks@h1",
        event_poll_s=0.02,
        event_ping_s=0.2,
        concurrency=Concurrency(streams=2),
    )


class Stream(Exchange):
    """A stream of events, read while it is written."""

    def events(self) -> list[dict[str, Any]]:
        """What has come so far; a comment or a retry is no event."""
        blocks = self.body.decode().split("\n\n")[:-1]
        found = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
        return [
            {"id": int(one["id"]), "event": one["event"], "data": json.loads(one["data"])}
            for one in found
            if "event" in one
        ]

    def names(self) -> list[str]:
        """Names of the events so far."""
        return [one["event"] for one in self.events()]


@asynccontextmanager
async def watching(front: Front, task_id: str, **headers: str) -> AsyncIterator[Stream]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    stream = Stream(front.app, "GET", f"{TASKS}/{task_id}/events", headers=named)
    running = asyncio.create_task(stream.run())
    try:
        yield stream
        async with asyncio.timeout(5):
            await asyncio.shield(running)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(stream: Stream, condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition(stream):  # noqa: ASYNC110  (the stream has no event to wait for)
            await asyncio.sleep(0.01)


async def progress(front: Front, task_id: str, succeeded: int) -> None:
    view = View(failed=0, succeeded=succeeded, waiting_for=None)
    assert await front.store.tasks.refresh(task_id, node="n1", epoch=1, view=view)


async def test_a_task_is_watched_from_its_snapshot_to_its_end(front: Front) -> None:
    task_id = await front.create()
    async with watching(front, task_id) as stream:
        await until(stream, lambda it: it.names() == ["snapshot"])
        await front.http.patch(f"{TASKS}/{task_id}")
        await until(stream, lambda it: it.names()[-1] == "status")
        await progress(front, task_id, 1)
        await until(stream, lambda it: it.names()[-1] == "progress")
        await front.scheduler.end(task_id, TaskStatus.SUCCESS, b'"x"\n')
    events = stream.events()

    assert stream.status == 200
    assert stream.answer_headers["content-type"].startswith("text/event-stream")
    assert stream.answer_headers["cache-control"] == "no-store"
    assert stream.answer_headers["x-accel-buffering"] == "no"
    assert stream.body.startswith(b"retry: 3000\n\n")
    assert stream.names() == ["snapshot", "status", "progress", "progress", "status"]
    assert events[0]["data"]["status"] == "pending"
    assert events[2]["data"] == {"total_count": 2, "failure_count": 0, "success_count": 1}
    assert events[-1]["data"]["status"] == "success"
    assert events[-1]["data"]["csvs"] == ["in.csv", "out.csv"]
    numbers = [one["id"] for one in events]
    assert numbers == sorted(set(numbers))


async def test_after_a_break_only_what_is_new_is_told(front: Front) -> None:
    task_id = await front.create()
    async with watching(front, task_id) as stream:
        await front.http.patch(f"{TASKS}/{task_id}")
        await progress(front, task_id, 1)
        await until(stream, lambda it: "progress" in it.names())
        seen = stream.events()[-1]["id"]
        await front.scheduler.end(task_id, TaskStatus.SUCCESS, b'"x"\n')
    async with watching(front, task_id, last_event_id=str(seen)) as again:
        pass

    assert again.names() == ["progress", "status"]
    assert again.events()[-1]["id"] == stream.events()[-1]["id"]


async def test_who_knows_the_end_is_told_that_there_is_nothing_more(front: Front) -> None:
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.scheduler.end(task_id, TaskStatus.SUCCESS, b'"x"\n')
    first = await front.http.get(f"{TASKS}/{task_id}/events")
    last = first.text.rsplit("id: ", 1)[1].split("\n", 1)[0]
    again = await front.http.get(f"{TASKS}/{task_id}/events", headers={"last-event-id": last})

    assert again.status_code == 204


async def test_silence_is_broken_by_a_comment(front: Front) -> None:
    task_id = await front.create()
    async with watching(front, task_id) as stream:
        await until(stream, lambda it: it.body.count(b"\n: ping\n\n") >= 2)
        await front.http.delete(f"{TASKS}/{task_id}")
    assert stream.names() == ["snapshot", "removed"]


async def test_a_store_that_is_away_for_a_while_ends_no_stream(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = await front.create()
    get, lost = front.store.tasks.get, asyncio.Event()

    async def fail(*_: Any) -> Any:
        lost.set()
        raise StoreUnavailable("away")

    async with watching(front, task_id) as stream:
        await until(stream, lambda it: it.names() == ["snapshot"])
        monkeypatch.setattr(front.store.tasks, "get", fail)
        await asyncio.wait_for(lost.wait(), 5)
        monkeypatch.setattr(front.store.tasks, "get", get)
        await front.http.patch(f"{TASKS}/{task_id}")
        await front.scheduler.end(task_id, TaskStatus.FAILURE)
    assert stream.names()[-1] == "status"


async def test_an_account_has_so_many_streams(front: Front) -> None:
    task_id = await front.create()
    async with watching(front, task_id) as first, watching(front, task_id) as second:
        await until(first, lambda it: it.names() == ["snapshot"])
        await until(second, lambda it: it.names() == ["snapshot"])
        third = await front.http.get(f"{TASKS}/{task_id}/events")
        announce_close(front.app)

    assert third.status_code == 429
    assert third.headers["retry-after"]


async def test_a_process_that_leaves_ends_its_streams(front: Front) -> None:
    task_id = await front.create()
    async with watching(front, task_id) as stream:
        await until(stream, lambda it: it.names() == ["snapshot"])
        announce_close(front.app)
    assert stream.names() == ["snapshot"]


async def test_a_stream_that_the_client_left_gives_its_place_back(front: Front) -> None:
    task_id = await front.create()
    for _ in range(5):
        stream = Stream(front.app, "GET", f"{TASKS}/{task_id}/events")
        await asyncio.wait_for(stream.run(hang_up=True), 5)
        assert stream.status == 200


async def test_what_does_not_exist_cannot_be_watched(front: Front) -> None:
    assert (await front.http.get(f"{TASKS}/{'0' * 30}/events")).status_code == 404


@pytest.mark.parametrize("given", ["nonsense", "-1", "9" * 50, ""])
async def test_a_number_that_was_not_given_out_begins_anew(front: Front, given: str) -> None:
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.scheduler.end(task_id, TaskStatus.FAILURE)
    response = await front.http.get(f"{TASKS}/{task_id}/events", headers={"last-event-id": given})

    assert "event: snapshot" in response.text
