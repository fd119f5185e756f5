"""256 MiB go in and come out again, in the memory of a few pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import pytest

from tests.servers.cluster import Client, Cluster, client_of

MIB: Final = 1024 * 1024
SIZE: Final = 256 * MIB
ALLOWED: Final = 50 * MIB
HEADER: Final = b"col1,col2,note\n"
NOTE: Final = b"a note, in quotes, such as people write them " * 3
ROWS: Final = b"".join(b'"+1415555%04d","customer %d","%s"\n' % (n, n, NOTE) for n in range(2000))


def content(size: int) -> Iterator[bytes]:
    """A CSV of about `size` bytes."""
    yield HEADER
    for _ in range(size // len(ROWS) + 1):
        yield ROWS


def digest_of(chunks: Iterator[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def upload(client: Client, size: int) -> str:
    response = client.http.put(
        client.tasks,
        params={"category": "skel", "action": "id2"},
        content=content(size),
        headers={"Content-Type": "text/csv"},
        timeout=300,
    )
    assert response.status_code == 201, response.text
    return str(response.headers["location"])


def download(client: Client, task: str) -> tuple[str, int]:
    with client.http.stream("GET", f"{task}/input", timeout=300) as response:
        assert response.status_code == 200
        return digest_of(response.iter_raw())


@pytest.mark.timeout(600)
def test_a_large_file_is_uploaded_and_downloaded_in_flat_memory(cluster: Cluster) -> None:
    account_id, token = cluster.account()
    api, url = cluster.api()
    cluster.scheduler()
    cluster.app()
    with client_of(url, account_id, token) as client:
        client.wait_for_action("skel", "id2")
        download(client, upload(client, MIB))
        idle = api.peak_memory
        found = download(client, upload(client, SIZE))
        grown = api.peak_memory - idle

    assert found == digest_of(content(SIZE))
    assert grown < ALLOWED, f"{grown / MIB:.1f} MiB"
