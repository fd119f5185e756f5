"""Attachments: streamed both ways, readable when complete, gone without a trace otherwise."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import gridfs
import pymongo
import pytest

from kztasks.errors import Invalid, NotFound, StoreUnavailable
from kztasks.store.interface import Download
from kztasks.store.mongo import MongoStore
from kztasks.store.mongo.files import CHUNK_BYTES, ChunkDocument, MongoFiles

pytestmark = pytest.mark.store

MIB = 1024 * 1024


def some_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


async def upload(files: MongoFiles, file_id: str, data: bytes, *, piece: int = 100_000) -> None:
    async with files.upload(file_id, "in.csv") as target:
        for start in range(0, len(data), piece):
            await target.write(data[start : start + piece])
        await target.commit()


async def rest_of(file: Download, piece: int = 65_536) -> bytes:
    parts = []
    while part := await file.read(piece):
        assert len(part) <= piece
        parts.append(part)
    return b"".join(parts)


async def leftovers(store: MongoStore, folder: Path | None, database: str) -> tuple[int, int]:
    """Files and chunks that lie in the database, whether or not the server shows them."""
    if folder is None:
        count = store._database["attachments.files"].count_documents
        return await count({}), await store._database["attachments.chunks"].count_documents({})
    with closing(sqlite3.connect(folder / f"{database}.db")) as connection:

        def counted(table: str) -> int:
            exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,))
            if exists.fetchone() is None:
                return 0
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

        return counted("attachments_files"), counted("attachments_chunks")


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 4 * CHUNK_BYTES, 3 * MIB]
)
async def test_a_file_is_read_back_as_it_was_written(store: MongoStore, size: int) -> None:
    data = some_bytes(size)
    await upload(store.files, "task/in.csv/1", data)
    file = await store.files.download("task/in.csv/1")
    assert file.size == size
    assert await rest_of(file) == data
    assert await file.read(10) == b""


@pytest.mark.parametrize("piece", [1, 7 * MIB])
async def test_the_size_of_the_pieces_does_not_matter(store: MongoStore, piece: int) -> None:
    data = some_bytes(300 if piece == 1 else 3 * MIB)
    await upload(store.files, "f", data, piece=piece)
    assert await rest_of(await store.files.download("f"), piece) == data


@pytest.mark.parametrize(
    "offset",
    [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 4 * CHUNK_BYTES - 1, 4 * CHUNK_BYTES,
     3 * MIB - 1, 3 * MIB, 3 * MIB + 5],
)  # fmt: skip
async def test_a_file_is_read_from_any_byte_on(store: MongoStore, offset: int) -> None:
    data = some_bytes(3 * MIB)
    await upload(store.files, "f", data)
    file = await store.files.download("f", offset=offset)
    assert file.size == 3 * MIB
    assert await rest_of(file) == data[offset:]


async def test_a_refused_upload_leaves_no_file_and_no_chunk(
    store: MongoStore, store_folder: Path | None, database_name: str
) -> None:
    async def refused() -> None:
        async with store.files.upload("f", "in.csv") as target:
            await target.write(some_bytes(3 * MIB))
            raise Invalid("a ragged row")

    with pytest.raises(Invalid):
        await refused()
    async with store.files.upload("g", "in.csv") as target:
        await target.write(b"never committed")
    async with store.files.upload("h", "in.csv"):
        pass
    assert await leftovers(store, store_folder, database_name) == (0, 0)
    with pytest.raises(NotFound):
        await store.files.download("f")


async def test_a_cancelled_upload_leaves_no_file_and_no_chunk(
    store: MongoStore, store_folder: Path | None, database_name: str
) -> None:
    writing = asyncio.Event()

    async def endless() -> None:
        async with store.files.upload("f", "in.csv") as target:
            while True:
                await target.write(some_bytes(CHUNK_BYTES))
                writing.set()

    for _ in range(5):
        writing.clear()
        task = asyncio.create_task(endless())
        await writing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await leftovers(store, store_folder, database_name) == (0, 0)


async def test_chunks_that_are_on_their_way_when_the_writer_is_cancelled_are_removed_too(
    store: MongoStore,
    store_folder: Path | None,
    database_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_chunks, sent, arrive = store.files.add_chunks, asyncio.Event(), asyncio.Event()

    async def slow(chunks: list[ChunkDocument]) -> None:
        sent.set()
        await arrive.wait()
        await add_chunks(chunks)

    monkeypatch.setattr(store.files, "add_chunks", slow)
    task = asyncio.create_task(upload(store.files, "f", some_bytes(3 * MIB)))
    await sent.wait()
    task.cancel()
    await asyncio.wait([task], timeout=0.05)
    arrive.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await leftovers(store, store_folder, database_name) == (0, 0)


async def test_a_file_cannot_be_read_before_it_is_complete(store: MongoStore) -> None:
    async with store.files.upload("f", "in.csv") as target:
        await target.write(some_bytes(3 * MIB))
        with pytest.raises(NotFound):
            await store.files.download("f")
        await target.commit()
        assert (await store.files.download("f")).size == 3 * MIB


async def test_committing_again_after_a_lost_answer_is_no_error(store: MongoStore) -> None:
    async with store.files.upload("f", "in.csv") as target:
        await target.write(b"abc")
        await target.commit()
        await target.commit()
    assert await rest_of(await store.files.download("f")) == b"abc"


async def test_a_write_error_reaches_the_writer(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Any) -> None:
        raise StoreUnavailable("no")

    monkeypatch.setattr(store.files, "add_chunks", fails)
    with pytest.raises(StoreUnavailable):
        await upload(store.files, "f", b"abc")
    with pytest.raises(NotFound):
        await store.files.download("f")


async def test_a_removed_file_is_gone_with_its_chunks_and_others_stay(
    store: MongoStore, store_folder: Path | None, database_name: str
) -> None:
    for file_id in ("f", "g"):
        await upload(store.files, file_id, some_bytes(3 * MIB))
    await store.files.delete("f")
    await store.files.delete("f")
    await store.files.delete("never was")
    with pytest.raises(NotFound):
        await store.files.download("f")
    assert await rest_of(await store.files.download("g")) == some_bytes(3 * MIB)
    files, chunks = await leftovers(store, store_folder, database_name)
    assert (files, chunks) == (1, -(-3 * MIB // CHUNK_BYTES))


async def test_a_file_that_is_removed_while_it_is_read_is_not_cut_short(store: MongoStore) -> None:
    await upload(store.files, "f", some_bytes(3 * MIB))
    file = await store.files.download("f")
    assert await file.read(10) == some_bytes(3 * MIB)[:10]
    await store.files.delete("f")
    with pytest.raises(NotFound):
        await rest_of(file)


async def test_a_missing_file_is_not_found(store: MongoStore) -> None:
    with pytest.raises(NotFound):
        await store.files.download("f")


async def test_many_uploads_at_once_do_not_mix(store: MongoStore) -> None:
    contents = {f"f{index}": some_bytes(MIB + index) for index in range(8)}
    await asyncio.gather(*(upload(store.files, name, data) for name, data in contents.items()))
    for name, data in contents.items():
        assert await rest_of(await store.files.download(name)) == data


async def test_any_gridfs_tool_reads_the_files(
    store: MongoStore, store_url: str, database_name: str
) -> None:
    data = some_bytes(3 * MIB)
    await upload(store.files, "f", data)
    with pymongo.MongoClient[dict[str, Any]](store_url) as client:
        bucket = gridfs.GridFSBucket(client[database_name], bucket_name="attachments")
        with bucket.open_download_stream("f") as stream:
            assert (stream.filename, stream.length) == ("in.csv", len(data))
            assert stream.read() == data


@pytest.mark.parametrize("size", [0, 1, 1000, CHUNK_BYTES, CHUNK_BYTES + 1])
async def test_a_file_whose_size_is_known_is_read_alike(store: MongoStore, size: int) -> None:
    data = some_bytes(size)
    await upload(store.files, "f", data)
    for offset in {0, size // 2, size}:
        file = await store.files.download("f", offset=offset, size=size)
        assert await rest_of(file) == data[offset:]


@pytest.mark.parametrize("stored", [None, b"less"])
async def test_one_that_is_not_of_the_size_that_is_known_is_not_cut_short(
    store: MongoStore, stored: bytes | None
) -> None:
    if stored is not None:
        await upload(store.files, "f", stored)
    file = await store.files.download("f", size=10)
    with pytest.raises(NotFound):
        await file.read(100)


async def test_many_small_files_at_once_are_all_stored(store: MongoStore) -> None:
    contents = {f"f{number}": some_bytes(number) for number in range(1, 60)}
    await asyncio.gather(*(upload(store.files, name, data) for name, data in contents.items()))
    for name, data in contents.items():
        assert await rest_of(await store.files.download(name)) == data
