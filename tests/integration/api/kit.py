"""The front on a real store, behind it a small scheduler on the bus; and ASGI without a server."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import FastAPI

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile, Task
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from kztasks.store.interface import Account, Ending
from kztasks.store.mongo import MongoStore
from tasks_bindings.wire.messages import Help, Metadata
from tasks_bindings.wire.verification import Verify, VerifyReply
from tests.contract.kazoo.kit import ScriptedOperations

A: Final = "a" * 32
"""The account of most tests; `TOKEN` acts for it."""
PARENT: Final = "9" * 32
CHILD: Final = "c" * 32
STRANGER: Final = "d" * 32
ADMIN: Final = "e" * 32
LOCKED: Final = "f" * 32
TOKEN: Final = "token-of-a"
VERIFY_TIMEOUT_S: Final = 1.0
"""How long the front waits for an app."""
TASKS: Final = f"/v2/accounts/{A}/tasks"

ACCOUNTS: Final = (
    Account(account_id=PARENT, name="Parent"),
    Account(account_id=A, name="A", tree=(PARENT,)),
    Account(account_id=CHILD, name="Child", tree=(PARENT, A)),
    Account(account_id=STRANGER, name="Stranger", tree=(PARENT,)),
    Account(account_id=ADMIN, name="Admin", superduper_admin=True),
    Account(account_id=LOCKED, name="Locked", tree=(PARENT, A), enabled=False),
)
TOKENS: Final = {
    PARENT: "token-of-parent",
    A: TOKEN,
    CHILD: "token-of-child",
    STRANGER: "token-of-stranger",
    ADMIN: "token-of-admin",
    LOCKED: "token-of-locked",
}

HELP: Final[Help] = {
    "skel": {
        "id2": Metadata(
            description="The identity task",
            expected_content="text/csv",
            mandatory=("col1", "col2"),
            optional=("col3",),
        ),
        "id1": Metadata(
            description="No mandatory column", expected_content="text/csv", optional=("col1",)
        ),
        "tick": Metadata(description="Takes nothing"),
    }
}


class NoApps:
    """For a front that is not asked to have rows verified."""

    async def app_for(self, category: str, action: str, metadata: Metadata) -> str | None:
        raise AssertionError((category, action, metadata))

    async def verify(self, app: str, request: Verify) -> VerifyReply:
        raise AssertionError((app, request))


class StoreOperations(ScriptedOperations):
    """Does on the store what a scheduler would do, without running anything."""

    def __init__(self, store: MongoStore) -> None:
        super().__init__(HELP)
        self._store = store

    async def start(self, task_id: str) -> Task | StartRefusal:
        self._note("start", task_id)
        task = await self._store.tasks.claim(
            task_id, node="n1", worker="kztasks@h2", now=63_900_000_042
        )
        if task is not None:
            return task
        known = await self._store.tasks.get(task_id)
        return StartRefusal.ALREADY_STARTED if known else StartRefusal.NOT_FOUND

    async def stop(self, task_id: str) -> Task | StopRefusal:
        self._note("stop", task_id)
        if await self._store.tasks.request_stop(task_id) is None:
            known = await self._store.tasks.get(task_id)
            return StopRefusal.NOT_RUNNING if known else StopRefusal.NOT_FOUND
        return await self.end(task_id, TaskStatus.STOPPED)

    async def remove(self, task_id: str) -> Task | RemoveRefusal:
        self._note("remove", task_id)
        task = await self._store.tasks.delete(task_id)
        if task is not None:
            return task
        known = await self._store.tasks.get(task_id)
        return RemoveRefusal.TASK_RUNNING if known else RemoveRefusal.NOT_FOUND

    async def end(self, task_id: str, status: TaskStatus, output: bytes | None = None) -> Task:
        """Make an executing task final, with an `out.csv` if there is output."""
        file = None
        if output is not None:
            file = OutputFile(file_id=f"{task_id}.out.csv", size=len(output), sha256="0" * 64)
            async with self._store.files.upload(file.file_id, "out.csv") as upload:
                await upload.write(output)
                await upload.commit()
        return await self.end_with(task_id, status, file)

    async def end_with(self, task_id: str, status: TaskStatus, file: OutputFile | None) -> Task:
        """Make an executing task final, with a file that is stored already."""
        ending = Ending(
            status=status, ended_at=63_900_000_043, failed=0, succeeded=2, output=file, reason=None
        )
        assert await self._store.tasks.finish(task_id, epoch=1, ending=ending)
        task = await self._store.tasks.get(task_id)
        assert task is not None
        return task


@dataclass(slots=True)
class Front:
    """The app, a client with A's token, the store and the scheduler behind it."""

    app: FastAPI
    http: httpx.AsyncClient
    store: MongoStore
    scheduler: StoreOperations
    folder: Path | None
    """Where the embedded server keeps its SQLite files."""

    async def create(self, csv: bytes = b"col1,col2\n1,2\n3,4\n", **options: Any) -> str:
        """Create a task and give its id."""
        response = await self.put(csv, **options)
        assert response.status_code == 201, response.text
        task_id: str = response.json()["data"]["_read_only"]["id"]
        return task_id

    async def put(
        self,
        body: bytes | AsyncIterator[bytes],
        content_type: str | None = "text/csv",
        *,
        category: str = "skel",
        action: str = "id2",
        **query: str,
    ) -> httpx.Response:
        """Ask to create a task."""
        headers = {"content-type": content_type} if content_type else {}
        query = {"category": category, "action": action, **query}
        return await self.http.put(TASKS, params=query, content=body, headers=headers)

    async def stored(self) -> dict[str, int]:
        """How many documents a task has left, whether or not the server shows them."""
        names = ("tasks", "log", "attachments.files", "attachments.chunks")
        database = self.store._database
        if self.folder is None:
            return {name: await database[name].count_documents({}) for name in names}
        with closing(sqlite3.connect(self.folder / f"{database.name}.db")) as connection:
            return {name: _count(connection, name.replace(".", "_")) for name in names}


def _count(connection: sqlite3.Connection, table: str) -> int:
    exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,))
    if exists.fetchone() is None:
        return 0
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


NOTHING: Final = {"tasks": 0, "log": 0, "attachments.files": 0, "attachments.chunks": 0}


@dataclass(slots=True)
class Exchange:
    """One request that is given to the app as a server would, in pieces, and its answer."""

    app: Callable[..., Awaitable[None]]
    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    bytes_received: int = 0
    body: bytes = b""
    keep_body: bool = True

    async def run(
        self, chunks: AsyncIterator[bytes] | None = None, *, hang_up: bool = False
    ) -> None:
        """Send the chunks, then the end of the body, or hang up instead."""
        pieces = chunks if chunks is not None else _nothing()
        is_over = False

        async def receive() -> dict[str, Any]:
            nonlocal is_over
            chunk = await anext(pieces, None)
            if chunk is not None:
                return {"type": "http.request", "body": chunk, "more_body": True}
            if hang_up:
                return {"type": "http.disconnect"}
            if is_over:
                await asyncio.Event().wait()  # the client stays connected and says nothing more
            is_over = True
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = {"x-auth-token": TOKEN, **self.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await self.app(scope, receive, self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answer_headers = {
                name.decode(): value.decode() for name, value in message["headers"]
            }
            return
        chunk = message.get("body", b"")
        self.bytes_received += len(chunk)
        if self.keep_body:
            self.body += chunk


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
