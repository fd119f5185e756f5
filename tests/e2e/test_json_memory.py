"""JSON bodies are decoded within a bound on memory, however many come at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest

from tests.servers.cluster import Cluster, client_of, eventually

pytestmark = pytest.mark.timeout(300)

MB: Final = 1_000_000
LARGEST: Final = 8 * MB
ALLOWED: Final = 64 * MB + 60 * LARGEST
"""What docs/run-a-cluster.md says: all bodies as they come in, and one that is decoded."""
SAME: Final = 16
OTHERS: Final = 8

BEGIN: Final = b'{"data":{"records":[{"col1":"1","col2":"2"}],"x":['
BODIES: Final = {
    shape: BEGIN + b",".join([shape] * ((LARGEST - 100) // (len(shape) + 1))) + b"]}}"
    for shape in (b"[" * 28 + b"]" * 28, b'{"a":1}', b'{"col1":"abc","col2":"def"}')
}
"""The worst that there is (48 times its size, measured), a bad one, and what clients send."""


def create(url: str, account: tuple[str, str], body: bytes) -> httpx.Response:
    account_id, token = account
    return httpx.put(
        f"{url}/v2/accounts/{account_id}/tasks",
        params={"category": "skel", "action": "id2"},
        content=body,
        headers={"X-Auth-Token": token, "Content-Type": "application/json"},
        timeout=120,
    )


def test_many_large_bodies_at_once_take_no_more_than_is_said(cluster: Cluster) -> None:
    mine, *others = cluster.accounts(1 + OTHERS)
    api, url = cluster.api()
    cluster.scheduler()
    cluster.app()
    bodies = [*BODIES.values()]
    askers = [(mine, bodies[1 + number % 2]) for number in range(SAME)]
    askers += [(other, bodies[min(number, 2)]) for number, other in enumerate(others)]
    together = threading.Barrier(len(askers) + 1)

    def ask(account: tuple[str, str], body: bytes) -> httpx.Response:
        together.wait()
        return create(url, account, body)

    with client_of(url, *mine) as client, ThreadPoolExecutor(len(askers)) as pool:
        client.wait_for_action("skel", "id2")
        idle = api.peak_memory
        asked = [pool.submit(ask, *asker) for asker in askers]
        together.wait()
        answers = [one.result() for one in asked]
        grown = api.peak_memory - idle
        statuses = [one.status_code for one in answers]
        for one in answers:
            if one.status_code != 201:
                assert one.status_code in {429, 503}, one.text
                assert int(one.headers["retry-after"]) > 0
        again = eventually(
            "a body that was refused is taken later",
            lambda: create(url, mine, bodies[2]).status_code == 201,
        )

    print(statuses)  # noqa: T201  (shown when the test fails)
    assert again
    assert 1 <= statuses[:SAME].count(201) < SAME
    assert 201 in statuses[SAME:]
    assert grown < ALLOWED, f"{grown / MB:.0f} MB"
    assert not api.logged("request_crashed")
