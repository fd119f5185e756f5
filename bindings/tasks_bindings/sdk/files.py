"""Files that a handler has produced out of band, read in parts by the scheduler.

Seed's returns have none of it, the original has `{file, Path}`: the file becomes an attachment of
the task, under its own name, and is deleted here once it is stored there. Only files of the folder
that the app declares can be read; whatever a handler may be tricked into naming, nothing else is.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from tasks_bindings.errors import ExecutionError
from tasks_bindings.wire.files import FilePart, FileRequest

MAX_PART_BYTES = 1024 * 1024


class BadFile(ExecutionError):
    """A returned file cannot be read: it is missing, no plain file, or outside the app's folder."""

    code = "bad_file"


class AppFiles:
    """The files of one app.

    Args:
        folder: the folder that the app declares for them; `None` if it declares none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def part(self, request: FileRequest) -> FilePart:
        """Read a part of a file.

        Raises:
            BadFile: the file cannot be read.
        """
        return await asyncio.to_thread(self._read, request)

    async def drop(self, path: str) -> None:
        """Delete a file that is stored elsewhere now; one that is gone already is no error.

        Raises:
            BadFile: it is not one of the app's files.
        """
        await asyncio.to_thread(self._drop, path)

    def _read(self, request: FileRequest) -> FilePart:
        file = self._checked(request.path)
        try:
            with file.open("rb") as opened:
                total = opened.seek(0, 2)
                opened.seek(request.offset)
                data = opened.read(min(request.size, MAX_PART_BYTES))
        except OSError as error:
            raise BadFile(f"file {file.name!r} cannot be read: {error.strerror}") from error
        return FilePart(name=file.name, total=total, data=base64.b64encode(data).decode())

    def _drop(self, path: str) -> None:
        if self._folder is not None and Path(path).exists():
            self._checked(path).unlink(missing_ok=True)

    def _checked(self, path: str) -> Path:
        if self._folder is None:
            raise BadFile("a handler returned a file, but its App declares no folder (files=…)")
        folder = self._folder.resolve()
        file = (folder / path).resolve()
        if not file.is_relative_to(folder):
            raise BadFile(f"file {Path(path).name!r} is outside the folder that the app declares")
        if not file.is_file():
            raise BadFile(f"there is no file {Path(path).name!r} in the folder of the app")
        return file
