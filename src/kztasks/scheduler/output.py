"""Put `out.csv` together from the log, in a local file, and upload it (seed, "Task statuses").

A small one is put together in memory, and is in a file only if its upload was given up.

The file has a name of its own until it is whole and its upload was given up; then it gets the name
that the seed says. Another scheduler on this machine, which may have lost the task and not know it,
never writes to the same file.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiofiles
import aiofiles.os
import structlog
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from kztasks.domain.log import LogRecord
from kztasks.domain.output import output_parts
from kztasks.domain.task import OutputFile
from kztasks.errors import StoreUnavailable, Unavailable
from kztasks.patience import patiently
from kztasks.run_time import RunTimeSettings
from kztasks.scheduler.pause import pause
from kztasks.store.interface import FileStore, LogStore
from tasks_bindings.crash_points import reached

_log = structlog.get_logger(__name__)

COPY_BYTES: Final = 256 * 1024
IN_MEMORY_BYTES: Final = 64 * 1024
"""An output that is no larger needs no file to be uploaded from."""


@dataclass(slots=True)
class Scratch:
    """A path that nobody else uses, and whether there is a file."""

    path: Path
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class LocalOutput:
    """The finished output: `content`, or in the file at `place` where that is `None`."""

    place: Scratch
    content: bytes | None
    size: int
    sha256: str


def local_path(folder: Path, task_id: str) -> Path:
    """Where the seed says that the output is found if its upload failed."""
    return folder / f"task_out.{task_id}.csv"


@asynccontextmanager
async def scratch(folder: Path, task_id: str) -> AsyncIterator[Scratch]:
    """A place for a file that nobody else uses, and that is gone afterwards unless it was moved."""
    place = Scratch(folder / f".task_out.{task_id}.{uuid4().hex}")
    try:
        yield place
    finally:
        if place.is_used:
            with suppress(FileNotFoundError):
                await aiofiles.os.remove(place.path)


async def assemble(log: LogStore, head: LogRecord, place: Scratch) -> LocalOutput:
    """Make `out.csv` from the records of a task's log, up to its end.

    Args:
        log: the commit log.
        head: the end record.
        place: of the file, if it needs one.

    Raises:
        LogBroken: a record is missing or was changed; nothing is cut short silently.
        StoreUnavailable: the store does not answer.
    """
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    async with AsyncExitStack() as opened:
        file: AsyncBufferedIOBase | None = None
        async for part in output_parts(log.records(head.task_id), head):
            digest.update(part)
            size += len(part)
            waiting += part
            if size > IN_MEMORY_BYTES:
                if file is None:
                    file = await opened.enter_async_context(_written(place))
                await file.write(waiting)
                waiting.clear()
            reached("output:part")
    content = bytes(waiting) if file is None else None
    return LocalOutput(place, content, size, digest.hexdigest())


async def keep(output: LocalOutput, path: Path) -> None:
    """Put the whole output under another path, at once."""
    if output.content is not None:
        async with _written(output.place) as file:
            await file.write(output.content)
    await aiofiles.os.replace(output.place.path, path)


def _written(place: Scratch) -> AbstractAsyncContextManager[AsyncBufferedIOBase]:
    place.is_used = True
    return aiofiles.open(place.path, "wb")


async def upload(
    files: FileStore,
    output: LocalOutput,
    task_id: str,
    settings: Callable[[], RunTimeSettings],
    *,
    look: Callable[[], Awaitable[object]],
    failed: Callable[[], object],
) -> OutputFile | None:
    """Upload the output, in as many tries as the settings allow.

    While the database is away altogether nothing is tried: the final status could not be written
    either.

    Args:
        files: where to.
        output: what.
        task_id: whose it is.
        settings: asked anew for each try.
        look: reads from the database.
        failed: told of each try that failed.

    Returns:
        The stored file, or `None` when every try failed.
    """
    tries = 0
    while True:
        tries += 1
        try:
            stored = await _upload_once(files, output, task_id)
        except StoreUnavailable as error:
            _log.warning("output_not_uploaded", tries=tries, why=str(error))
            failed()
            if await _is_away(look):
                await patiently(look)
                tries -= 1
                continue
            await pause(lambda: settings().pause_between_upload_output_attempts_s)
            if tries >= settings().attempt_upload_output_times:
                return None
        else:
            return stored


async def _is_away(look: Callable[[], Awaitable[object]]) -> bool:
    try:
        await look()
    except Unavailable:
        return True
    return False


async def _upload_once(files: FileStore, output: LocalOutput, task_id: str) -> OutputFile:
    file_id = f"{task_id}/out.csv/{uuid4().hex}"
    async with files.upload(file_id, "out.csv") as target:
        reached("upload:begun")
        async for data in _pieces(output):
            await target.write(data)
            reached("upload:part")
        await target.commit()
        reached("upload:stored")
    return OutputFile(file_id=file_id, size=output.size, sha256=output.sha256)


async def _pieces(output: LocalOutput) -> AsyncIterator[bytes]:
    if output.content is not None:
        yield output.content
        return
    async with aiofiles.open(output.place.path, "rb") as file:
        while data := await file.read(COPY_BYTES):
            yield data
