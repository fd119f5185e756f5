"""Stores with a fault in one of their parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kztasks.errors import StoreUnavailable
from kztasks.store.interface import FileStore, Store, Upload


class StoreWith:
    """A store with some parts of it replaced."""

    def __init__(self, store: Store, **parts: Any) -> None:
        self._store = store
        for name, part in parts.items():
            setattr(self, name, part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class FailingUploads:
    """A file store that does not take the first so many files, when all their bytes were sent."""

    def __init__(self, files: FileStore, failures: float = float("inf")) -> None:
        self._files = files
        self._failures = failures
        self.tries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    @asynccontextmanager
    async def upload(self, file_id: str, name: str) -> AsyncIterator[Upload]:
        """Hand through what is written, and fail at the end."""
        self.tries += 1
        async with self._files.upload(file_id, name) as upload:
            yield _Failing(upload) if self.tries <= self._failures else upload


class _Failing:
    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    async def write(self, data: bytes) -> None:
        await self._upload.write(data)

    async def commit(self) -> None:
        raise StoreUnavailable("the disk is full")
