"""The front leaves: it says so, finishes what it can, and what it cuts does not look whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from kztasks.api.config import ApiSettings
from kztasks.domain.status import TaskStatus
from kztasks.processes.http import END_S, REFUSE_S, HttpServer
from kztasks.settings import Settings
from tests.integration.api.kit import NOTHING, TASKS, TOKEN, Front

pytestmark = pytest.mark.store

DRAIN_S = 0.5
LEAVE_S = 0.5
OUTPUT = b'"' + b"x" * 20_000 + b'"\n'
PIECES = 1000
"""More than the sockets between the two take."""


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(node="kztasks@h1")


@pytest.fixture
async def server(front: Front) -> AsyncIterator[HttpServer]:
    server = HttpServer(
        front.app, Settings(http_port=0, http_drain_s=DRAIN_S, http_leave_s=LEAVE_S)
    )
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def http(server: HttpServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", headers={"x-auth-token": TOKEN}
    ) as client:
        yield client


async def test_it_says_that_it_leaves_before_it_takes_no_more_connections(
    server: HttpServer, http: httpx.AsyncClient
) -> None:
    closing = asyncio.create_task(server.close())
    await asyncio.sleep(0)
    ready = await http.get("/readyz", headers={"connection": "close"})
    served = await http.get(TASKS, headers={"connection": "close"})
    await closing

    assert (ready.status_code, ready.json()["checks"]) == (503, {"process": "leaving"})
    assert served.status_code == 200
    with pytest.raises(httpx.ConnectError):
        await http.get("/readyz")


async def _upload(
    http: httpx.AsyncClient, began: asyncio.Event, go_on: asyncio.Event
) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"col1,col2\n1,2\n"
        began.set()
        await go_on.wait()
        yield b"3,4\n"

    return await http.put(
        TASKS,
        params={"category": "skel", "action": "id2"},
        content=body(),
        headers={"content-type": "text/csv"},
    )


async def test_an_upload_that_ends_in_time_is_a_task(
    front: Front, server: HttpServer, http: httpx.AsyncClient
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    uploading = asyncio.create_task(_upload(http, began, go_on))
    await began.wait()
    closing = asyncio.create_task(server.close())
    await asyncio.sleep(LEAVE_S + DRAIN_S / 2)
    go_on.set()
    response = await uploading
    await closing

    assert response.status_code == 201, response.text
    (task,) = await front.store.tasks.page("a" * 32, limit=9, start=None)
    assert task.input is not None
    assert task.input.size == len(b"col1,col2\n1,2\n3,4\n")


async def test_one_that_does_not_is_refused_and_leaves_nothing(
    front: Front, server: HttpServer
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"PUT {TASKS}?category=skel&action=id2 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {TOKEN}\r\n"
        "Content-Type: text/csv\r\nContent-Length: 99\r\n\r\ncol1,col2\n1,2\n".encode()
    )
    await writer.drain()
    started = time.monotonic()
    await server.close()
    answer = await reader.read()
    writer.close()

    assert time.monotonic() - started < LEAVE_S + DRAIN_S + REFUSE_S + END_S
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"cause":"leaving"' in answer
    assert b"retry-after: " in answer.lower()
    assert await front.stored() == NOTHING


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("query", ["", "?safe=true"])
async def test_a_download_that_is_cut_does_not_look_whole(
    front: Front, server: HttpServer, version: str, query: str
) -> None:
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.scheduler.end(task_id, TaskStatus.SUCCESS, OUTPUT * PIECES)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=4096)
    head = f"GET {TASKS}/{task_id}/output{query} HTTP/{version}\r\nHost: x\r\n"
    writer.write(f"{head}X-Auth-Token: {TOKEN}\r\n\r\n".encode())
    assert b" 200 " in await reader.readline()
    started = time.monotonic()
    await server.close()
    took_s = time.monotonic() - started
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()

    assert LEAVE_S + DRAIN_S < took_s < LEAVE_S + DRAIN_S + REFUSE_S + END_S


async def test_a_stream_of_events_ends_as_one_that_is_over(
    front: Front, server: HttpServer, http: httpx.AsyncClient
) -> None:
    task_id = await front.create()
    async with http.stream("GET", f"{TASKS}/{task_id}/events") as stream:
        lines = stream.aiter_lines()
        while not (await anext(lines)).startswith("event: snapshot"):
            pass
        started = time.monotonic()
        closing = asyncio.create_task(server.close())
        async for _ in lines:  # raises if it is cut
            pass
        await closing

    assert time.monotonic() - started < LEAVE_S + DRAIN_S
