"""The HTTP endpoint of an app process tells probes what they ask, and survives what they send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tasks_bindings.ops import MAX_REQUEST_BYTES, OpsServer
from tasks_bindings.sdk.claims import FORGET_S, RefusedClaims
from tasks_bindings.sdk.ops import app_pages
from tasks_bindings.wire.claims import Claims, RefusedClaim

CLAIM = RefusedClaim(category="cat", action="act", serving="other")


class Site:
    def __init__(self) -> None:
        self.not_ready: list[str] = []
        self.stuck: list[str] = []
        self.port = 0

    async def send(self, request: bytes) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body

    async def ask(self, request: bytes) -> tuple[int, Any]:
        head, body = await self.send(request)
        return (int(head.split()[1]), json.loads(body)) if head else (0, None)

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    pages = app_pages(lambda: site.not_ready, lambda: site.stuck, lambda: b"up 1.0\n")
    server = OpsServer("127.0.0.1", 0, pages)
    site.port = await server.start()
    yield site
    await server.close()


async def test_an_app_with_a_handler_that_does_not_return_is_not_alive(site: Site) -> None:
    site.stuck = ["mine.handler has not returned"]
    told = 503, {"alive": False, "stuck": ["mine.handler has not returned"]}
    assert await site.get("/livez") == told
    assert await site.get("/healthz") == told


async def test_an_app_that_is_not_ready_says_why_and_is_alive_all_the_same(site: Site) -> None:
    site.not_ready = ["no session with the broker"]
    assert await site.get("/readyz") == (
        503,
        {"ready": False, "not_ready": ["no session with the broker"]},
    )
    assert await site.get("/livez") == (200, {"alive": True})
    site.not_ready = []
    assert await site.get("/readyz?verbose=1") == (200, {"ready": True, "not_ready": []})


async def test_metrics_are_told_in_the_type_that_prometheus_knows_their_format_by(
    site: Site,
) -> None:
    head, body = await site.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in head
    assert body == b"up 1.0\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"POST /readyz HTTP/1.1\r\n\r\n", 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"GET /" + b"x" * (MAX_REQUEST_BYTES * 2) + b"\r\n\r\n", 0),
    ],
)
async def test_other_requests_are_refused_and_the_next_one_is_served(
    site: Site, request_: bytes, status: int
) -> None:
    try:
        assert (await site.ask(request_))[0] == status
    except ConnectionResetError:
        assert status == 0
    assert (await site.get("/livez"))[0] == 200


def test_a_refusal_that_nobody_repeats_is_forgotten() -> None:
    refused = RefusedClaims("mine")
    refused.heard(Claims(refused=(CLAIM,)), 100.0)
    assert len(refused.sentences(100.0 + FORGET_S)) == 1
    assert refused.sentences(100.1 + FORGET_S) == []
    refused.heard(Claims(refused=(CLAIM,)), 200.0)
    assert len(refused.sentences(200.0)) == 1
