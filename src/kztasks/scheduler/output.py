"""Put `out.csv` together from the log, in a local file, and upload it (seed, "Task statuses").

The file has a name of its own until it is whole and its upload was given up; then it gets the name
that the seed says. Another scheduler on this machine, which may have lost the task and not know it,
never writes to the same file.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiofiles
import aiofiles.os
import structlog

from kztasks.domain.log import LogRecord
from kztasks.domain.output import output_parts
from kztasks.domain.task import OutputFile
from kztasks.errors import StoreUnavailable
from kztasks.run_time import RunTimeSettings
from kztasks.scheduler.pause import pause
from kztasks.store.interface import FileStore, LogStore
from tasks_bindings.crash_points import reached

_log = structlog.get_logger(__name__)

COPY_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class LocalOutput:
    """The finished output on this machine's disk."""

    path: Path
    size: int
    sha256: str


def local_path(folder: Path, task_id: str) -> Path:
    """Where the seed says that the output is found if its upload failed."""
    return folder / f"task_out.{task_id}.csv"


@asynccontextmanager
async def scratch_path(folder: Path, task_id: str) -> AsyncIterator[Path]:
    """A path for a file that nobody else uses, and that is gone afterwards unless it was moved."""
    path = folder / f".task_out.{task_id}.{uuid4().hex}"
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            await aiofiles.os.remove(path)


async def assemble(log: LogStore, head: LogRecord, path: Path) -> LocalOutput:
    """Write `out.csv` from the records of a task's log, up to its end.

    Args:
        log: the commit log.
        head: the end record.
        path: the file to write.

    Raises:
        LogBroken: a record is missing or was changed; nothing is cut short silently.
        StoreUnavailable: the store does not answer.
    """
    digest, size = hashlib.sha256(), 0
    async with aiofiles.open(path, "wb") as file:
        async for part in output_parts(log.records(head.task_id), head):
            digest.update(part)
            size += len(part)
            await file.write(part)
            reached("output:part")
    return LocalOutput(path, size, digest.hexdigest())


async def upload(
    files: FileStore,
    output: LocalOutput,
    task_id: str,
    settings: Callable[[], RunTimeSettings],
    *,
    failed: Callable[[], object],
) -> OutputFile | None:
    """Upload the local file, in as many tries as the settings allow.

    Args:
        files: where to.
        output: what.
        task_id: whose it is.
        settings: asked anew for each try.
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
            await pause(lambda: settings().pause_between_upload_output_attempts_s)
            if tries >= settings().attempt_upload_output_times:
                return None
        else:
            return stored


async def _upload_once(files: FileStore, output: LocalOutput, task_id: str) -> OutputFile:
    file_id = f"{task_id}/out.csv/{uuid4().hex}"
    async with aiofiles.open(output.path, "rb") as file, files.upload(file_id, "out.csv") as target:
        reached("upload:begun")
        while data := await file.read(COPY_BYTES):
            await target.write(data)
            reached("upload:part")
        await target.commit()
        reached("upload:stored")
    return OutputFile(file_id=file_id, size=output.size, sha256=output.sha256)
