"""Takes a CSV from a client, checks it, and stores it, in one pass and in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from kztasks.api.refusals import BodyTooLarge
from kztasks.api.upload_check import CheckedCsv, UploadCheck
from kztasks.csvio import Rows
from kztasks.domain.task import InputFile
from kztasks.store.interface import FileStore

PIECE_BYTES: Final = 64 * 1024
INPUT_NAME: Final = "in.csv"


async def store_csv(
    files: FileStore,
    file_id: str,
    chunks: AsyncIterator[bytes],
    check: UploadCheck,
    *,
    limit: int,
) -> tuple[InputFile, CheckedCsv]:
    """Store a CSV and check it on the way. When this raises, nothing has been stored.

    The client is read from no faster than the store takes what came before.

    Args:
        files: where to.
        file_id: under which id.
        chunks: the bytes, cut anywhere.
        check: what the CSV must be.
        limit: bytes at most.

    Raises:
        BodyTooLarge: there are more than `limit` bytes.
        CsvError: the CSV has not the right shape.
        RefusedInput: mandatory columns or values are missing.
    """
    digest, size = hashlib.sha256(), 0
    async with files.upload(file_id, INPUT_NAME) as upload:
        async for piece in _within(chunks, limit):
            size += len(piece)
            check.feed(piece)
            if not check.is_refused:
                digest.update(piece)
                await upload.write(piece)
        checked = check.finish()
        await upload.commit()
    stored = InputFile(
        file_id=file_id,
        columns=checked.columns,
        size=size,
        body_offset=checked.body_offset,
        body_line=checked.body_line,
        sha256=digest.hexdigest(),
    )
    return stored, checked


async def rows_of(
    chunks: AsyncIterator[bytes], check: UploadCheck, *, limit: int
) -> AsyncIterator[Rows]:
    """The rows of a CSV, while it is checked and not stored; raises as `store_csv` does.

    `check` is still to be finished when they are over.
    """
    async for piece in _within(chunks, limit):
        for rows in check.rows(piece):
            yield rows
    for rows in check.rows(None):
        yield rows


async def digest_csv(chunks: AsyncIterator[bytes], *, limit: int) -> str:
    """The SHA-256 of a CSV, whatever is in it.

    Raises:
        BodyTooLarge: there are more than `limit` bytes.
    """
    digest = hashlib.sha256()
    async for piece in _within(chunks, limit):
        digest.update(piece)
    return digest.hexdigest()


async def _within(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        for piece in _pieces(chunk):
            yield piece


def _pieces(chunk: bytes) -> Iterator[bytes]:
    if len(chunk) <= PIECE_BYTES:
        yield chunk
        return
    for start in range(0, len(chunk), PIECE_BYTES):
        yield chunk[start : start + PIECE_BYTES]
