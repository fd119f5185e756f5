"""50 MiB go in and come out again, and the memory that it takes is that of a few pieces."""

from __future__ import annotations

import gc
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from kztasks.api.deps import ApiSettings
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile
from tests.integration.api.kit import TASKS, Exchange, Front

pytestmark = [pytest.mark.store, pytest.mark.timeout(240)]

MIB: Final = 1024 * 1024
ALLOWED: Final = 12 * MIB
"""Two groups of chunks on their way to the store, pieces being parsed, and the driver's copies."""

ROWS: Final = 640
PIECE: Final = b'"+14155550123","some text, quoted","' + b"x" * 62 + b'"\n'
CHUNK: Final = PIECE * ROWS
CHUNKS: Final = 50 * MIB // len(CHUNK)
HEADER: Final = b"col1,col2,col3\n"


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(node="kztasks@h1")


@contextmanager
def flat_memory() -> Iterator[None]:
    """Fail if more than `ALLOWED` bytes are held at any moment."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < ALLOWED, f"{(peak - before) / MIB:.1f} MiB"


async def csv() -> AsyncIterator[bytes]:
    yield HEADER
    for _ in range(CHUNKS):
        yield CHUNK


async def test_fifty_mebibytes_are_uploaded_and_downloaded_in_flat_memory(front: Front) -> None:
    headers = {"content-type": "text/csv"}
    upload = Exchange(front.app, "PUT", TASKS, "category=skel&action=id2", headers)
    with flat_memory():
        await upload.run(csv())
    assert upload.status == 201, upload.body

    (task,) = await front.store.tasks.page("a" * 32, limit=2, start=None)
    size = len(HEADER) + CHUNKS * len(CHUNK)
    assert task.total_rows == CHUNKS * ROWS
    assert task.input is not None
    assert task.input.size == size > 49 * MIB

    download = Exchange(front.app, "GET", f"{TASKS}/{task.id}/input", keep_body=False)
    with flat_memory():
        await download.run()
    assert download.status == 200
    assert download.bytes_received == size
    assert download.answer_headers["content-length"] == str(size)


async def test_a_download_is_what_was_stored_bit_by_bit(front: Front) -> None:
    task_id = await front.create()
    await front.http.patch(f"{TASKS}/{task_id}")
    digest = hashlib.sha256()
    file = OutputFile(file_id="big", size=0, sha256="")
    async with front.store.files.upload(file.file_id, "out.csv") as stored:
        for number in range(60):
            piece = number.to_bytes(2) * 50_000
            digest.update(piece)
            await stored.write(piece)
        await stored.commit()
    await front.scheduler.end_with(task_id, TaskStatus.SUCCESS, file)

    response = await front.http.get(f"{TASKS}/{task_id}/output")

    assert hashlib.sha256(response.content).hexdigest() == digest.hexdigest()
