"""An upload may be slow, but not for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kztasks.api.config import UploadPace
from kztasks.api.limits.cut import Cut
from kztasks.api.limits.pace import PacedReceive
from kztasks.api.limits.refusals import SlowUpload

PACE = UploadPace(grace_s=10.0, min_bytes_per_s=100)


class Client:
    """Sends `size` bytes after `wait_s` seconds, again and again, on a clock of its own."""

    def __init__(self, size: int, wait_s: float) -> None:
        self.size = size
        self.wait_s = wait_s
        self.now = 0.0
        self.is_over = False

    def clock(self) -> float:
        return self.now

    async def receive(self) -> dict[str, Any]:
        self.now += self.wait_s
        return {"type": "http.request", "body": b"x" * self.size, "more_body": not self.is_over}


async def feed(client: Client, pieces: int) -> int:
    """How many pieces get through."""
    paced = PacedReceive(client.receive, PACE, Cut(), clock=client.clock)
    for number in range(pieces):
        try:
            await paced()
        except SlowUpload:
            return number
    return pieces


async def test_a_client_at_the_least_rate_is_never_cut_off() -> None:
    assert await feed(Client(size=100, wait_s=1.0), 1000) == 1000


async def test_a_trickle_ends_soon_after_the_grace_time() -> None:
    assert 9 <= await feed(Client(size=1, wait_s=1.0), 1000) <= 11


async def test_a_fast_start_buys_no_more_than_the_grace_time() -> None:
    client = Client(size=1_000_000, wait_s=0.0)
    paced = PacedReceive(client.receive, PACE, Cut(), clock=client.clock)
    for _ in range(100):
        await paced()
    client.size, client.wait_s = 1, 11.0

    with pytest.raises(SlowUpload):
        await paced()


async def test_time_in_which_nobody_reads_does_not_count() -> None:
    client = Client(size=100, wait_s=0.5)
    paced = PacedReceive(client.receive, PACE, Cut(), clock=client.clock)
    for _ in range(100):
        await paced()
        client.now += 60.0


async def test_a_client_that_says_nothing_is_not_waited_for() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    paced = PacedReceive(receive, UploadPace(grace_s=0.05, min_bytes_per_s=1), Cut())
    with pytest.raises(SlowUpload):
        await paced()


async def test_once_the_body_is_over_the_client_may_be_silent() -> None:
    left = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        if message is None:
            await left.wait()
            return {"type": "http.disconnect"}
        return message

    paced = PacedReceive(receive, UploadPace(grace_s=0.01, min_bytes_per_s=1), Cut())
    await paced()
    waiting = asyncio.create_task(_next(paced))
    await asyncio.wait([waiting], timeout=0.1)
    assert not waiting.done()
    left.set()
    assert (await waiting)["type"] == "http.disconnect"


async def _next(paced: PacedReceive) -> Any:
    return await paced()
