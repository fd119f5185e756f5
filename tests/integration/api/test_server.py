"""The front behind its own server: what a client does to a connection."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from kztasks.api.config import ApiSettings
from kztasks.api.openapi import DescribedApp
from kztasks.domain.status import TaskStatus
from kztasks.processes.api import serving
from kztasks.processes.http import MAX_HEADER_BYTES, HttpServer
from kztasks.settings import Settings
from kztasks.store.mongo import MongoStore
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tests.integration.api.kit import TASKS, TOKEN, Front

pytestmark = pytest.mark.store

OUTPUT = b'"' + b"x" * 20_000 + b'"\n'
PIECES = 2000


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(node="kztasks@h1")


@pytest.fixture
async def server(front: Front) -> AsyncIterator[HttpServer]:
    settings = Settings(
        http_port=0,
        http_header_timeout_s=0.5,
        http_stall_s=0.5,
        http_keep_alive_s=1,
        http_max_connections=20,
    )
    server = HttpServer(front.app, settings)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def http(server: HttpServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", headers={"x-auth-token": TOKEN}
    ) as client:
        yield client


async def ended_after(reader: asyncio.StreamReader) -> float:
    """Seconds until the server ends the connection."""
    began = time.monotonic()
    async with asyncio.timeout(10):
        try:
            while await reader.read(65536):
                pass
        except ConnectionResetError:
            pass
    return time.monotonic() - began


@pytest.mark.parametrize("sent", [b"", b"GET", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "])
async def test_a_header_that_never_ends_is_not_waited_for(server: HttpServer, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)

    assert 0.3 < await ended_after(reader) < 3
    writer.close()


async def test_an_idle_connection_is_kept_for_the_time_that_is_set(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"}")

    assert 0.7 < await ended_after(reader) < 4
    writer.close()


def test_a_connection_is_kept_longer_than_balancers_keep_theirs() -> None:
    assert Settings().http_keep_alive_s > 60, "else the balancer uses one that has just ended: 502"


async def test_the_second_header_of_a_connection_is_not_waited_for_either(
    server: HttpServer,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"}")
    writer.write(b"GET /healthz HT")

    assert await ended_after(reader) < 3
    writer.close()


async def test_a_header_that_trickles_ends_as_well(server: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    ending = asyncio.create_task(ended_after(reader))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    while not ending.done():
        writer.write(b"X: y\r\n")
        await asyncio.wait([ending], timeout=0.05)

    assert await ending < 3
    writer.close()


async def test_a_long_request_is_not_taken_for_a_slow_header(
    front: Front, http: httpx.AsyncClient
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"col1,col2\n"
        for _ in range(4):
            await asyncio.sleep(0.3)
            yield b"1,2\n" * 100

    response = await http.put(
        TASKS,
        params={"category": "skel", "action": "id2"},
        content=slow(),
        headers={"content-type": "text/csv"},
    )

    assert response.status_code == 201, response.text
    assert len(await front.store.tasks.page("a" * 32, limit=9, start=None)) == 1


async def test_a_client_that_takes_nothing_is_cut_off(front: Front, server: HttpServer) -> None:
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.scheduler.end(task_id, TaskStatus.SUCCESS, OUTPUT * PIECES)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.sendall(
        f"GET {TASKS}/{task_id}/output HTTP/1.1\r\nHost: x\r\n"
        f"X-Auth-Token: {TOKEN}\r\n\r\n".encode()
    )

    connections = server._server.server_state.connections
    async with asyncio.timeout(10):
        while not connections:  # noqa: ASYNC110  (the server tells nobody)
            await asyncio.sleep(0.01)
        while connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    client.close()


@pytest.mark.parametrize(
    "header", [{"x-large": "x" * (2 * MAX_HEADER_BYTES)}, {f"x-{n}": "y" * 900 for n in range(150)}]
)
async def test_a_header_has_its_limit(http: httpx.AsyncClient, header: dict[str, str]) -> None:
    try:
        response = await http.get("/healthz", headers=header)
    except httpx.TransportError:
        return  # the answer was lost, as the connection was ended while more was coming in
    assert response.status_code in {400, 431}


async def test_connections_have_their_limit_and_come_back(
    server: HttpServer, http: httpx.AsyncClient
) -> None:
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
    refused = await http.get("/healthz")
    for reader, writer in held:
        await ended_after(reader)
        writer.close()

    assert refused.status_code == 503
    assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(("trusted", "shown"), [("", "127.0.0.1"), ("127.0.0.1", "192.0.2.7")])
async def test_a_clients_address_is_believed_from_trusted_proxies_alone(
    front: Front, trusted: str, shown: str
) -> None:
    server = HttpServer(front.app, Settings(http_port=0, http_trusted_proxies=trusted))
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
        await http.put(
            TASKS,
            params={"category": "skel", "action": "tick"},
            headers={"x-auth-token": TOKEN, "x-forwarded-for": "192.0.2.7"},
        )
    await server.close()
    (entry,) = await front.store.audit.of_account("a" * 32, limit=9)

    assert entry.client == shown


async def test_the_process_may_have_as_many_files_open_as_it_serves_connections(
    server: HttpServer,
) -> None:
    assert server.port
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert soft >= min(532, hard)


async def test_a_server_that_closes_does_not_wait_for_streams(
    front: Front, http: httpx.AsyncClient, server: HttpServer
) -> None:
    task_id = await front.create()
    async with http.stream("GET", f"{TASKS}/{task_id}/events") as stream:
        lines = stream.aiter_lines()
        while not (await anext(lines)).startswith("event: snapshot"):
            pass
        began = time.monotonic()
        closing = asyncio.create_task(server.close())
        assert [line async for line in lines]
        await closing

    assert time.monotonic() - began < 5


async def test_the_first_requests_do_not_wait_for_the_document_to_be_made(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = MemoryBus(MemoryBroker())
    await bus.start()
    async with serving(Settings(http_port=0), store, bus) as server:
        monkeypatch.delattr(DescribedApp, "openapi")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            answer = await client.get("/v2/openapi.json")
    await bus.close()

    assert "XAuthToken" in answer.text, "it is ours, with what FastAPI does not know"
