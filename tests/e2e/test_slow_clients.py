"""500 clients that only hold places, while others are served as if nobody else were there."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from tests.servers.cluster import Client, Cluster, client_of, id2_output, numbered_csv

pytestmark = [pytest.mark.alone, pytest.mark.timeout(240)]

HEADERS: Final = 200
UPLOADS: Final = 150
DOWNLOADS: Final = 150
ACCOUNTS: Final = 10
"""Accounts that the slow uploads belong to, as each may have 16 at a time."""

LARGE_CSV: Final = b"col1,col2\n" + b"1,%s\n" % (b"x" * 1000) * 12_000
CUT_OFF_S: Final = 20
"""Who is slow is cut off after so long, and holds its place until then."""
CALM_S: Final = CUT_OFF_S / 4
"""No quick request may take so long; one that waits for a place takes until the others' end."""
ROUNDS: Final = 3


@dataclass(slots=True)
class Slow:
    """How a slow client ended."""

    kind: str
    status: int | None = None


class Crowd:
    """Slow clients on raw connections."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self.settled = 0
        """Those that hold a place now."""

    async def half_header(self) -> Slow:
        """Begin a header, and never end it."""
        reader, writer = await self._connect(b"GET /v2/tasks HTTP/1.1\r\nHost: x\r\nX-A: ")
        self.settled += 1
        await _drained(reader)
        writer.close()
        return Slow("header")

    async def trickle(self, path: str, token: str) -> Slow:
        """Upload a few bytes a second."""
        head = (
            f"PUT {path}?category=skel&action=id2 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\n"
            "Content-Type: text/csv\r\nContent-Length: 1000000\r\n\r\ncol1,col2\n"
        )
        reader, writer = await self._connect(head.encode())
        self.settled += 1
        answer = asyncio.create_task(reader.read(64))
        while not answer.done():
            writer.write(b"1,2\n")
            await asyncio.wait([answer], timeout=1)
        writer.close()
        words = (await answer).split()
        return Slow("upload", int(words[1]) if words else None)

    async def sip(self, path: str, token: str) -> Slow:
        """Begin a download, and take almost nothing of it."""
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\n\r\n"
        reader, writer = await self._connect(head.encode(), limit=1024)
        status = int((await reader.readline()).split()[1])
        self.settled += 1
        for _ in range(CUT_OFF_S):
            await asyncio.sleep(1)
            await reader.read(64)
        writer.transport.abort()
        return Slow("download", status)

    async def _connect(
        self, head: bytes, limit: int = 65536
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._address, limit=limit)
        writer.write(head)
        return reader, writer


async def _drained(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(1024):
            pass
    except ConnectionError:
        pass


def served(client: Client) -> list[float]:
    """Do what a client does, a few times; seconds that each quick request took."""
    times: list[float] = []
    assert client.http.get(client.tasks).status_code == 200  # behind the crowd's own beginnings
    for _ in range(ROUNDS):
        began = time.monotonic()
        assert client.http.get(client.tasks).status_code == 200
        times.append(time.monotonic() - began)
        task_id = client.create("skel", "id2", numbered_csv(20))
        client.begin(task_id)
        assert client.wait_for_end(task_id)["status"] == "success"
        assert client.output(task_id) == id2_output(20)
        assert client.http.delete(f"{client.tasks}/{task_id}").status_code == 200
    return times


async def crowded(
    crowd: Crowd, client: Client, *waves: Sequence[Coroutine[None, None, Slow]]
) -> tuple[list[Slow], list[float]]:
    """Let the slow clients take their places, wave after wave, and hold them while a client works.

    Each download begins with some work for the database, which is not what is looked at here.
    """
    clients: list[asyncio.Future[Slow]] = []
    async with asyncio.timeout(60):
        for wave in waves:
            clients += map(asyncio.ensure_future, wave)
            while crowd.settled < len(clients):  # noqa: ASYNC110  (counted by those that come)
                await asyncio.sleep(0.05)
    times = await asyncio.to_thread(served, client)
    assert not any(one.done() for one in clients), "they did not hold their places for so long"
    return await asyncio.gather(*clients), times


def test_five_hundred_slow_clients_hold_up_nobody_and_are_cut_off(cluster: Cluster) -> None:
    mine, *accounts = cluster.accounts(1 + ACCOUNTS)
    api, url = cluster.api(http_header_timeout_s=f"{CUT_OFF_S}", http_upload_grace_s=f"{CUT_OFF_S}")
    cluster.scheduler()
    cluster.app("tests.apps.fast:app")
    host, port = url.removeprefix("http://").split(":")
    crowd = Crowd(host, int(port))
    with client_of(url, *mine) as client, client_of(url, *accounts[0]) as other:
        client.wait_for_action("skel", "id2")
        large = f"{other.tasks}/{other.create('skel', 'id2', LARGE_CSV)}/input"
        uploads = [
            crowd.trickle(f"/v2/accounts/{account_id}/tasks", token)
            for account_id, token in itertools.islice(itertools.cycle(accounts), UPLOADS)
        ]
        downloads = [crowd.sip(large, accounts[0][1]) for _ in range(DOWNLOADS)]
        headers = [crowd.half_header() for _ in range(HEADERS)]
        slow, times = asyncio.run(crowded(crowd, client, downloads, [*uploads, *headers]))
        after = client.http.get("/healthz")

    assert max(times) < CALM_S, times
    assert [one.status for one in slow if one.kind == "upload"] == [408] * UPLOADS
    assert [one.status for one in slow if one.kind == "download"] == [200] * DOWNLOADS
    assert after.status_code == 200
    assert not api.logged("request_crashed")
