"""Stores with a fault in one of their parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kztasks.domain.log import LogRecord, RecordKind
from kztasks.errors import StoreFull, StoreUnavailable
from kztasks.store.interface import FileStore, LogStore, NodeStore, Store, Upload


class StoreWith:
    """A store with some parts of it replaced."""

    def __init__(self, store: Store, **parts: Any) -> None:
        self._store = store
        for name, part in parts.items():
            setattr(self, name, part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class FullLog:
    """A log that takes no batch while `is_full`; all else, small as it is, is still taken."""

    def __init__(self, log: LogStore) -> None:
        self._log = log
        self.is_full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, record: LogRecord) -> LogRecord:
        """Insert it, if there is room."""
        if self.is_full and record.kind is RecordKind.BATCH:
            raise StoreFull("the database has no room")
        return await self._log.append(record)


class FullNodes:
    """Heartbeats that are not taken while `is_full`; they can be read, and removed."""

    def __init__(self, nodes: NodeStore) -> None:
        self._nodes = nodes
        self.is_full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nodes, name)

    async def beat(self, node_id: str) -> bool:
        """Count one up, if there is room."""
        if self.is_full:
            raise StoreFull("the database has no room")
        return await self._nodes.beat(node_id)


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
