"""The store of a run: a server process on a fixed port and folder, and a look into it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import PyMongoError

from kztasks.store.embedded import EmbeddedStore

DATABASE: Final = "faults"
LOOK_MS: Final = 2_000


class StoreServer:
    """The embedded MongoDB-wire server: killed and started again, it has its data and its port."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedStore(folder)
        self._lock = asyncio.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    @property
    def port(self) -> int:
        """The port of `url`."""
        return int(self.url.rstrip("/").rpartition(":")[2])

    async def start(self) -> None:
        """Start for the first time."""
        await self._server.start()

    async def kill(self, away_s: float = 0.0) -> None:
        """`kill -9`, then start again on the same data after so many seconds."""
        async with self._lock:
            await self._server.kill()
            await asyncio.sleep(away_s)
            await self._server.restart()

    async def stop(self) -> None:
        """End it."""
        await self._server.stop()


class Observer:
    """Reads what is durable, past all processes of the product. Gives nothing while it is away."""

    def __init__(self, url: str, database: str = DATABASE) -> None:
        self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            url, serverSelectionTimeoutMS=LOOK_MS, connectTimeoutMS=LOOK_MS, socketTimeoutMS=10_000
        )
        self._database = self._client[database]

    async def commits(self) -> int | None:
        """Records in all logs; `None` while the store does not answer."""
        try:
            return int(await self._database["log"].estimated_document_count())
        except PyMongoError:
            return None

    async def head(self, task_id: str) -> Mapping[str, Any] | None:
        """Number, row and epoch of a task's last record."""
        fields = {"seq": 1, "row": 1, "ep": 1, "kind": 1}
        found = self._database["log"].find({"t": {"$eq": task_id}}, fields)
        try:
            heads = await found.sort("seq", -1).limit(1).to_list(1)
        except PyMongoError:
            return None
        return heads[0] if heads else None

    async def tasks(self) -> list[dict[str, Any]]:
        """All task documents; none while the store does not answer."""
        try:
            return await self._database["tasks"].find({}).to_list(None)
        except PyMongoError:
            return []

    async def rows_counted(self) -> int:
        """Rows that the task documents count."""
        names = ("pvt_total_rows_succeeded", "pvt_total_rows_failed")
        return sum(task.get(name, 0) for task in await self.tasks() for name in names)

    async def unfinished(self) -> int:
        """How many tasks have not ended."""
        going = {"pvt_status": {"$in": ["pending", "executing"]}}
        return int(await self._database["tasks"].count_documents(going))

    async def log(self, task_id: str) -> Sequence[dict[str, Any]]:
        """All records of a task, by number."""
        found = self._database["log"].find({"t": {"$eq": task_id}})
        return await found.sort("seq", 1).to_list(None)

    async def collection(self, name: str) -> list[dict[str, Any]]:
        """All documents of a collection.

        Raises:
            PyMongoError: the store does not answer.
        """
        return await self._database[name].find({}).to_list(None)

    async def ask_to_stop(self, task_id: str) -> None:
        """Have the document of a task say that it is to stop, as if whoever wrote it then died."""
        guard = {"_id": {"$eq": task_id}, "pvt_status": {"$eq": "executing"}}
        await self._database["tasks"].update_one(guard, {"$set": {"stop_requested": True}})

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
