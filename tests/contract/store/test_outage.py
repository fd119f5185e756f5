"""The database goes away and comes back: errors are ours, acknowledged writes are there."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pymongo.errors import PyMongoError

from kztasks.domain.log import LogRecord
from kztasks.domain.status import TaskStatus
from kztasks.errors import KztasksError, NotFound, StoreUnavailable
from kztasks.store.embedded import EmbeddedStore
from kztasks.store.interface import Account, Ending, View
from kztasks.store.mongo import MongoStore, client
from tests.contract.store.samples import a_record, a_task, executing

pytestmark = [pytest.mark.store, pytest.mark.faults]

KILLS = 20


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """A server that the test may kill."""
    async with EmbeddedStore(tmp_path) as server:
        yield server


@pytest.fixture
async def store(
    server: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MongoStore]:
    """A store on that server that gives up on a missing server soon."""
    options = {**client._OPTIONS, "serverSelectionTimeoutMS": 200}
    monkeypatch.setattr(client, "_OPTIONS", options)
    store = MongoStore(server.url)
    await store.prepare()
    yield store
    await store.close()


async def test_a_call_of_a_server_that_hangs_ends_in_the_time_that_is_set(
    server: EmbeddedStore,
) -> None:
    store = MongoStore(server.url, answer_s=1.0)
    await store.prepare()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for call in (store.tasks.get("0" * 30), store.tasks.insert(a_task())):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await call
            assert time.monotonic() - began < 5
    finally:
        os.kill(server.pid, signal.SIGCONT)
        await store.close()


T = TypeVar("T")


async def until_it_answers(call: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await call()
        except StoreUnavailable:
            continue


async def written(store: MongoStore) -> None:
    async with store.files.upload("f", "in.csv") as upload:
        await upload.commit()


async def read(store: MongoStore) -> list[LogRecord]:
    return [record async for record in store.log.records("t")]


CALLS: dict[str, Callable[[MongoStore], Awaitable[Any]]] = {
    "prepare": lambda store: store.prepare(),
    "ping": lambda store: store.ping(),
    "settings": lambda store: store.run_time_settings(),
    "set settings": lambda store: store.set_run_time_settings({"a": 1}),
    "insert": lambda store: store.tasks.insert(a_task()),
    "get": lambda store: store.tasks.get("t"),
    "page": lambda store: store.tasks.page("a", limit=1, start=None),
    "claim": lambda store: store.tasks.claim("t", node="n", worker="n", now=1),
    "take over": lambda store: store.tasks.take_over("t", lost="x", epoch=1, node="n", worker="n"),
    "release": lambda store: store.tasks.release("t", node="n", epoch=1),
    "owners": lambda store: store.tasks.owners(),
    "owned by": lambda store: store.tasks.owned_by("n", limit=1),
    "request stop": lambda store: store.tasks.request_stop("t"),
    "refresh": lambda store: store.tasks.refresh(
        "t", node="n", epoch=1, view=View(failed=0, succeeded=0, waiting_for=None)
    ),
    "finish": lambda store: store.tasks.finish(
        "t",
        epoch=1,
        ending=Ending(
            status=TaskStatus.STOPPED,
            ended_at=1,
            failed=0,
            succeeded=0,
            output=None,
            reason=None,
        ),
    ),
    "delete": lambda store: store.tasks.delete("t"),
    "append": lambda store: store.log.append(a_record("t", 1)),
    "head": lambda store: store.log.head("t"),
    "records": read,
    "upload": written,
    "download": lambda store: store.files.download("f"),
    "delete file": lambda store: store.files.delete("f"),
    "register": lambda store: store.nodes.register("n", "n"),
    "beat": lambda store: store.nodes.beat("n"),
    "nodes": lambda store: store.nodes.all(),
    "remove node": lambda store: store.nodes.remove("n"),
    "add account": lambda store: store.accounts.add(Account(account_id="a", name="a")),
    "get account": lambda store: store.accounts.get("a"),
    "accounts": lambda store: store.accounts.all(),
    "add token": lambda store: store.accounts.add_token("t", "a"),
    "by token": lambda store: store.accounts.by_token("t"),
}


async def test_without_a_server_every_call_says_so_and_the_same_client_works_when_it_is_back(
    server: EmbeddedStore, store: MongoStore
) -> None:
    await store.ping()
    await server.kill()
    errors = await asyncio.gather(*(call(store) for call in CALLS.values()), return_exceptions=True)
    for name, error in zip(CALLS, errors, strict=True):
        assert isinstance(error, StoreUnavailable), f"{name}: {error!r}"
        assert isinstance(error.__cause__, PyMongoError), name
        assert "127.0.0.1" not in str(error), "the driver's text is for the log"

    await server.restart()
    await until_it_answers(store.ping)
    for name, call in CALLS.items():
        try:
            await call(store)
        except (StoreUnavailable, PyMongoError) as error:
            pytest.fail(f"{name} after the restart: {error!r}")
        except NotFound:
            assert name == "download"


class Appenders:
    """Three tasks' owners that append records for ever, and again when there was no answer."""

    def __init__(self, store: MongoStore, seed: int) -> None:
        self._log = store.log
        self._random = random.Random(seed)
        self._more = asyncio.Event()
        self.acknowledged: list[LogRecord] = []
        self.unanswered = 0
        self.stopped = False

    async def run(self, task_id: str) -> None:
        seq = 0
        while not self.stopped:
            output = self._random.randbytes(self._random.randrange(30_000))
            record = a_record(task_id, seq, output=output)
            assert await self._append(record) == record
            self.acknowledged.append(record)
            self._more.set()
            seq += 1

    async def _append(self, record: LogRecord) -> LogRecord:
        while True:
            try:
                return await self._log.append(record)
            except StoreUnavailable:
                self.unanswered += 1

    async def reach(self, count: int) -> None:
        while len(self.acknowledged) < count:
            self._more.clear()
            await self._more.wait()


async def test_every_acknowledged_record_survives_kills_while_appending(
    server: EmbeddedStore, store: MongoStore
) -> None:
    chosen = random.Random(27017)
    appenders = Appenders(store, 1)
    async with asyncio.TaskGroup() as group:
        for index in range(3):
            group.create_task(appenders.run(f"t{index}"))
        for _ in range(KILLS):
            await appenders.reach(len(appenders.acknowledged) + chosen.randrange(5, 40))
            await asyncio.sleep(chosen.random() * 0.01)  # to anywhere within an insert
            await server.kill()
            await server.restart()
        await appenders.reach(len(appenders.acknowledged) + 1)
        appenders.stopped = True

    found = [record for index in range(3) async for record in store.log.records(f"t{index}")]
    assert {record.sha for record in appenders.acknowledged} == {record.sha for record in found}
    assert len(found) == len(appenders.acknowledged)
    assert appenders.unanswered >= KILLS / 2, "the kills hit writes"


async def test_changes_of_a_task_survive_a_kill(server: EmbeddedStore, store: MongoStore) -> None:
    task = await executing(store.tasks, "n1")
    async with store.files.upload("f", "in.csv") as upload:
        await upload.write(b"x" * 3_000_000)
        await upload.commit()
    await server.kill()
    await server.restart()
    assert await until_it_answers(lambda: store.tasks.get(task.id)) == task
    assert (await store.files.download("f")).size == 3_000_000


async def test_an_upload_that_the_server_did_not_survive_is_no_file(
    server: EmbeddedStore, store: MongoStore
) -> None:
    async def cut() -> None:
        async with store.files.upload("f", "in.csv") as upload:
            await upload.write(b"x" * 3_000_000)
            await server.kill()
            await upload.write(b"x" * 3_000_000)
            await upload.commit()

    with pytest.raises(KztasksError):
        await cut()
    await server.restart()
    await until_it_answers(store.ping)
    with pytest.raises(NotFound):
        await store.files.download("f")
