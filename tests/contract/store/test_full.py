"""The database has no room: every write says "try again", and works when there is some."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile, Task
from kztasks.errors import StoreFull, StoreUnavailable
from kztasks.store.aftermath import Redelivery
from kztasks.store.embedded import EmbeddedStore
from kztasks.store.interface import Account, View
from kztasks.store.mongo import MongoStore
from kztasks.store.mongo.errors import translated
from tests.contract.store.samples import a_record, a_task, executing
from tests.contract.store.test_ownership import an_ending
from tests.servers.disk import full_disk

pytestmark = [pytest.mark.store, pytest.mark.faults]

OUTPUT = OutputFile(file_id="f", size=1, sha256="0" * 64)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """A server of the test's own."""
    async with EmbeddedStore(tmp_path / "server") as server:
        yield server


@pytest.fixture
async def store(server: EmbeddedStore) -> AsyncIterator[MongoStore]:
    """A store on it."""
    store = MongoStore(server.url)
    await store.prepare()
    yield store
    await store.close()


async def written(store: MongoStore) -> None:
    async with store.files.upload("f", "in.csv") as upload:
        await upload.write(b"x" * 1000)
        await upload.commit()


WRITES: dict[str, Callable[[MongoStore, Task], Awaitable[Any]]] = {
    "append": lambda store, task: store.log.append(a_record(task.id, 1)),
    "insert": lambda store, _: store.tasks.insert(a_task()),
    "refresh": lambda store, task: store.tasks.refresh(
        task.id, node="n", epoch=1, view=View(failed=0, succeeded=0, waiting_for=None)
    ),
    "take_over": lambda store, task: store.tasks.take_over(
        task.id, lost="n", epoch=1, node="m", worker="w"
    ),
    "release": lambda store, task: store.tasks.release(task.id, node="n", epoch=1),
    "request_stop": lambda store, task: store.tasks.request_stop(task.id),
    "finish": lambda store, task: store.tasks.finish(task.id, epoch=1, ending=an_ending()),
    "upload": lambda store, _: written(store),
    "register": lambda store, _: store.nodes.register("new", "x@y"),
    "beat": lambda store, _: store.nodes.beat("known"),
    "account": lambda store, _: store.accounts.add(Account(account_id="a" * 32, name="A")),
    "token": lambda store, _: store.accounts.add_token("t", "a" * 32),
    "settings": lambda store, _: store.set_run_time_settings({"wait_after_row_ms": 1}),
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_that_finds_no_room_is_to_be_tried_again_and_works_then(
    store: MongoStore, server: EmbeddedStore, name: str
) -> None:
    task = await executing(store.tasks, "n")
    await store.nodes.register("known", "x@y")
    with full_disk(server.pid), pytest.raises(StoreUnavailable):
        await WRITES[name](store, task)
    await WRITES[name](store, task)


async def test_what_can_be_read_is_read_all_the_same(
    store: MongoStore, server: EmbeddedStore
) -> None:
    task = await executing(store.tasks, "n")
    record = await store.log.append(a_record(task.id, 0))
    with full_disk(server.pid):
        await store.ping()
        assert await store.tasks.get(task.id) == task
        assert await store.log.head(task.id) == record


async def test_an_output_that_finds_no_room_again_can_be_stored_later(
    store: MongoStore, server: EmbeddedStore
) -> None:
    task = await executing(store.tasks, "n")
    ended = an_ending(output=None, status=TaskStatus.INTERNAL_ERROR)
    await store.tasks.finish(task.id, epoch=1, ending=ended)
    to = Redelivery(output=OUTPUT, status=TaskStatus.SUCCESS, reason=None)
    with full_disk(server.pid):
        for write in (
            lambda: store.aftermath.redeliver(task.id, epoch=1, to=to),
            lambda: store.aftermath.take_cleanup(task.id, lost="n", node="m"),
            lambda: store.aftermath.cleaned(task.id),
        ):
            with pytest.raises(StoreFull):
                await write()
    assert await store.aftermath.cleanup_nodes() == {"n"}
    assert await store.aftermath.redeliver(task.id, epoch=1, to=to)


async def test_a_process_that_starts_without_room_waits_instead_of_blaming_the_set_up(
    server: EmbeddedStore,
) -> None:
    store = MongoStore(server.url, "fresh")
    with full_disk(server.pid), pytest.raises(StoreUnavailable):
        await store.prepare()
    await store.prepare()
    await store.close()


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (14031, "OutOfDiskSpace", StoreFull),
        (8, "database or disk is full", StoreFull),
        (8, "disk I/O error", StoreFull),
        (50, "operation exceeded time limit", StoreUnavailable),
        (91, "the server is in quiesce mode", StoreUnavailable),
        (8000, "you are over your space quota", StoreUnavailable),
    ],
)
def test_the_words_of_a_server_for_such_days_are_known(
    code: int, message: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as told, translated("writing"):
        raise OperationFailure(message, code)
    assert type(told.value) is error


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


async def test_a_disk_that_is_really_full_is_told_apart_and_room_on_it_is_used(
    small_disk: Path,
) -> None:
    filler = small_disk / "filler"
    async with EmbeddedStore(small_disk / "server") as server:
        store = MongoStore(server.url)
        await store.prepare()
        task = await executing(store.tasks, "n")
        with pytest.raises(OSError, match="No space left"):
            fill(filler)
        with pytest.raises(StoreFull):
            await store.log.append(a_record(task.id, 0, output=b"x" * 100_000))
        filler.unlink()
        await store.log.append(a_record(task.id, 0, output=b"x" * 100_000))
        assert await store.log.head(task.id) is not None
        await store.close()
