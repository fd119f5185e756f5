"""Files in the GridFS bucket `attachments`, as any GridFS tool reads them.

The driver's own GridFS streams are not used: they keep up to 48 MB of an upload in memory, and read
a file with one query, which the embedded server answers with the whole file in one message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, TypedDict

import structlog
from bson import Int64, encode
from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError, OperationFailure

from kztasks.domain.retention import Belongings, owner_of
from kztasks.errors import KztasksError, NotFound, StoreUnavailable
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.loose_ends import MongoLooseEnds
from kztasks.store.mongo.together import SMALL_BYTES, Inserts, Lane
from tasks_bindings.crash_points import reached

_logger = structlog.get_logger(__name__)

CHUNK_BYTES: Final = 255 * 1024
"""GridFS's own default."""
_GROUP: Final = 4
"""Chunks of an upload that travel in one message; it holds two groups.

A download holds a single chunk: there may be hundreds whose readers are slow.
"""
NOTE_S: Final = 300.0
"""A file that is being written says so at least this often, or before its next chunks."""


class MetadataDocument(TypedDict):
    """GridFS leaves `metadata` to the application."""

    complete: bool
    """The embedded server shows a file with its first chunk; this says that it has all of them."""


class FileDocument(TypedDict):
    """A document of `attachments.files`."""

    _id: str
    filename: str
    length: int
    chunkSize: int
    uploadDate: datetime
    metadata: MetadataDocument


class ChunkDocument(TypedDict):
    """A document of `attachments.chunks`."""

    _id: str
    files_id: str
    n: int
    data: bytes


class MongoUpload:
    """`Upload`: one group of chunks is being filled while the one before is on its way."""

    def __init__(self, store: MongoFiles, file_id: str, name: str) -> None:
        self._store = store
        self._file_id = file_id
        self._name = name
        self._buffer = bytearray()
        self._chunks = 0
        self._size = 0
        self._sending: asyncio.Task[None] | None = None
        self._noted_at: float | None = None
        self.committed = False

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        self._buffer += data
        self._size += len(data)
        while len(self._buffer) >= _GROUP * CHUNK_BYTES:
            await self._send(_GROUP * CHUNK_BYTES)

    async def commit(self) -> None:
        """Make the file readable; doing it again is no error."""
        if self._buffer:
            await self._send(len(self._buffer))
        await self._sent()
        await self._note()
        reached("upload:chunks_stored")
        await self._store.add_file(_described(self._file_id, self._name, self._size))
        self.committed = True

    async def abandon(self) -> None:
        """Remove what was written, when no chunk is on its way any more."""
        if self._sending is not None:
            await asyncio.wait([self._sending])
        if self._noted_at is None:
            return
        try:
            await self._store.delete(self._file_id)
            await self._store.forget(self._file_id)
        except KztasksError:
            _logger.warning("orphan_file", file_id=self._file_id, exc_info=True)

    async def _note(self) -> None:
        """Say that this file is being written, before there is anything of it, and again at times.

        Raises:
            StoreUnavailable: nothing was heard of it for so long that it was removed.
        """
        now = time.monotonic()
        if self._noted_at is None:
            await self._store.note(self._file_id)
        elif now - self._noted_at < NOTE_S:
            return
        elif not await self._store.note_again(self._file_id):
            raise StoreUnavailable(f"file {self._file_id} was removed while it was written")
        self._noted_at = now

    async def _send(self, size: int) -> None:
        await self._sent()
        await self._note()
        reached("upload:noted")
        group = bytes(self._buffer[:size])
        del self._buffer[:size]
        chunks: list[ChunkDocument] = [
            {
                "_id": f"{self._file_id}:{self._chunks + index:08d}",
                "files_id": self._file_id,
                "n": self._chunks + index,
                "data": group[start : start + CHUNK_BYTES],
            }
            for index, start in enumerate(range(0, size, CHUNK_BYTES))
        ]
        self._chunks += len(chunks)
        self._sending = asyncio.create_task(self._store.add_chunks(chunks))

    async def _sent(self) -> None:
        """A cancelled caller must not leave a chunk behind that arrives after the clean-up."""
        if self._sending is not None:
            await asyncio.shield(self._sending)


class MongoDownload:
    """`Download`."""

    def __init__(self, store: MongoFiles, file: FileDocument, offset: int) -> None:
        self._store = store
        self._file = file
        self._position = offset
        self._window = memoryview(b"")

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return int(self._file["length"])

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end."""
        if not self._window and self._position < self.size:
            self._window = memoryview(await self._load())
        data = bytes(self._window[:size])
        self._window = self._window[size:]
        self._position += len(data)
        return data

    async def _load(self) -> bytes:
        chunk_size = self._file["chunkSize"]
        first, skipped = divmod(self._position, chunk_size)
        data = await self._store.chunk(self._file["_id"], first)
        expected = min(self.size - first * chunk_size, chunk_size)
        if len(data) != expected:
            raise NotFound(f"file {self._file['_id']} is not whole (any more)")
        return data[skipped:]


class MongoFiles:
    """`FileStore`."""

    def __init__(
        self,
        files: AsyncIOMotorCollection[FileDocument],
        chunks: AsyncIOMotorCollection[ChunkDocument],
        loose_ends: MongoLooseEnds,
        lane: Lane | None = None,
    ) -> None:
        self._files = files
        self._chunks = chunks
        self._loose_ends = loose_ends
        self._new_files = Inserts(files, lane)
        self._small_chunks = Inserts(chunks, lane)

    @asynccontextmanager
    async def upload(self, file_id: str, name: str) -> AsyncIterator[MongoUpload]:
        """Write a file under a fresh id."""
        upload = MongoUpload(self, file_id, name)
        try:
            yield upload
        finally:
            if not upload.committed:
                await asyncio.shield(asyncio.create_task(upload.abandon()))

    async def download(
        self, file_id: str, *, offset: int = 0, size: int | None = None
    ) -> MongoDownload:
        """Read a file from a byte offset on; one of a single chunk that is known without a look."""
        if size is not None and size <= CHUNK_BYTES:
            return MongoDownload(self, _described(file_id, "", size), offset)
        with translated("reading a file"):
            file = await self._files.find_one({"_id": {"$eq": file_id}})
        if file is None or not file["metadata"].get("complete"):
            raise NotFound(f"there is no file {file_id}")
        return MongoDownload(self, file, offset)

    async def delete(self, file_id: str) -> None:
        """Remove a file and its chunks, the file first: no reader finds it without chunks."""
        with translated("removing a file"):
            if await self._exists(file_id):
                try:
                    await self._files.delete_one({"_id": {"$eq": file_id}})
                except OperationFailure:
                    # The embedded server takes the removal of a missing file for an error, and
                    # somebody else may have removed it meanwhile.
                    if await self._exists(file_id):
                        raise
            await self._chunks.delete_many({"files_id": {"$eq": file_id}})

    async def _exists(self, file_id: str) -> bool:
        return await self._files.find_one({"_id": {"$eq": file_id}}) is not None

    async def note(self, file_id: str) -> None:
        """Write down that the file may be left behind."""
        await self._loose_ends.hold(file_id, [Belongings(owner_of(file_id), (file_id,))])

    async def note_again(self, file_id: str) -> bool:
        """Say that the file is still being written; false when it was given up for lost."""
        return await self._loose_ends.keep(file_id)

    async def forget(self, file_id: str) -> None:
        """Nothing of the file is left."""
        await self._loose_ends.drop([file_id])

    async def add_file(self, file: FileDocument) -> None:
        """Make a file whose chunks are all there readable."""
        with translated("storing a file"):
            try:
                encode(file)
                await self._new_files.insert(file)
            except DuplicateKeyError:
                return

    async def add_chunks(self, chunks: list[ChunkDocument]) -> None:
        """Store chunks of a file that is being written."""
        with translated("storing a file"):
            if len(chunks) == 1 and len(chunks[0]["data"]) <= SMALL_BYTES:
                await self._small_chunks.insert(chunks[0])
            else:
                await self._chunks.insert_many(chunks)

    async def chunk(self, file_id: str, number: int) -> bytes:
        """The content of a chunk; empty if there is none."""
        with translated("reading a file"):
            found = await self._chunks.find_one(
                {"files_id": {"$eq": file_id}, "n": {"$eq": number}}
            )
        return found["data"] if found is not None else b""


def _described(file_id: str, name: str, size: int) -> FileDocument:
    return {
        "_id": file_id,
        "filename": name,
        "length": Int64(size),
        "chunkSize": CHUNK_BYTES,
        "uploadDate": datetime.now(UTC),
        "metadata": {"complete": True},
    }
