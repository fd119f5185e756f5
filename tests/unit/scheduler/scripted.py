"""A store of one file whose reads go as a script says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import Final

from kztasks.errors import NotFound, StoreUnavailable
from kztasks.store.interface import Download, Upload


class Read(Enum):
    """What a read, or the opening of the file, does next."""

    AWAY = auto()
    """The store does not answer."""
    HANG = auto()
    """It takes for ever; whoever waits for it has to give up."""
    GONE = auto()
    """The file is not there any more."""


Step = int | Read
"""Bytes that are given at most, or what goes wrong."""


class ScriptedFiles:
    """`FileStore`; after the script everything is given as it is asked for.

    Args:
        content: of the file.
        script: one step for each opening and each read.
    """

    def __init__(self, content: bytes, script: Iterable[Step] = ()) -> None:
        self._content: Final = content
        self.size: Final = len(content)
        self._script: Iterator[Step] = iter(script)
        self.hanging: Final = asyncio.Event()
        self.bytes_read = 0
        self.openings = 0

    async def download(self, file_id: str, *, offset: int = 0, size: int | None = None) -> Download:
        await self._step()
        self.openings += 1
        return _ScriptedDownload(self._content[offset:], self._step, self._count)

    def upload(self, file_id: str, name: str) -> AbstractAsyncContextManager[Upload]:
        raise AssertionError("nothing is written here")

    async def delete(self, file_id: str) -> None:
        raise AssertionError("nothing is removed here")

    async def _step(self) -> int | None:
        step = next(self._script, None)
        match step:
            case Read.AWAY:
                raise StoreUnavailable("away")
            case Read.GONE:
                raise NotFound("gone")
            case Read.HANG:
                self.hanging.set()
                await asyncio.Event().wait()
        return step if isinstance(step, int) else None

    def _count(self, read: int) -> None:
        self.bytes_read += read


class _ScriptedDownload:
    def __init__(
        self,
        content: bytes,
        step: Callable[[], Awaitable[int | None]],
        count: Callable[[int], None],
    ) -> None:
        self._content = content
        self._step = step
        self._count = count
        self._is_broken = False

    @property
    def size(self) -> int:
        return len(self._content)

    async def read(self, size: int) -> bytes:
        assert not self._is_broken, "a download is over once a read of it has failed"
        self._is_broken = True
        most = await self._step()
        self._is_broken = False
        data = self._content[: size if most is None else max(1, min(size, most))]
        self._content = self._content[len(data) :]
        self._count(len(data))
        return data
