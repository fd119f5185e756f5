"""The embedded server: one per folder, on one port, never longer than its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from pathlib import Path
from time import monotonic

import psutil
import pytest

from kztasks.errors import Misconfigured, StoreUnavailable
from kztasks.store.embedded import EmbeddedStore, url_of_running
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import a_task

pytestmark = pytest.mark.store

PARENT = """
import asyncio, os, sys, time
from pathlib import Path
from kztasks.store.embedded import EmbeddedStore
server = EmbeddedStore(Path(sys.argv[1]))
asyncio.run(server.start())
forked = os.fork() if "fork" in sys.argv else None
if forked != 0:
    print(server.pid, forked or server.pid, flush=True)
time.sleep(60)
"""


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def ended(pid: int, within_s: float) -> bool:
    deadline = monotonic() + within_s
    while runs(pid):
        if monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


async def stored(url: str) -> list[str]:
    """Store one task more and list all."""
    store = MongoStore(url)
    await store.prepare()
    await store.tasks.insert(a_task())
    tasks = await store.tasks.page("a" * 32, limit=100, start=None)
    await store.close()
    return [task.id for task in tasks]


async def test_data_outlive_the_server_in_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    async with EmbeddedStore(folder) as server:
        first = await stored(server.url)
    async with EmbeddedStore(folder) as server:
        assert set(first) < set(await stored(server.url))
    assert {"kztasks.db", "server.log"} <= {path.name for path in folder.iterdir()}


async def test_a_server_that_is_stopped_is_gone_and_stopping_again_is_no_error(
    tmp_path: Path,
) -> None:
    server = EmbeddedStore(tmp_path)
    await server.stop()
    await server.start()
    pid = server.pid
    assert pid is not None
    await server.stop()
    await server.stop()
    assert not runs(pid)
    assert server.pid is None
    with pytest.raises(StoreUnavailable):
        _ = server.url


async def test_a_folder_has_one_server(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as server:
        with pytest.raises(Misconfigured, match=r"in use by another"):
            await EmbeddedStore(tmp_path).start()
        assert await stored(server.url)
    async with EmbeddedStore(tmp_path) as server:
        assert len(await stored(server.url)) == 2


async def test_two_folders_have_two_servers(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "a") as one, EmbeddedStore(tmp_path / "b") as other:
        assert one.url != other.url
        await stored(one.url)
        assert len(await stored(other.url)) == 1


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="file"):
        await EmbeddedStore(tmp_path / "file").start()


async def test_a_server_that_cannot_start_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "admin.db").mkdir()
    with pytest.raises(StoreUnavailable, match=r"server\.log"):
        await EmbeddedStore(tmp_path).start()
    assert b"unable to open database file" in (tmp_path / "server.log").read_bytes()
    (tmp_path / "admin.db").rmdir()
    async with EmbeddedStore(tmp_path) as server:
        assert await stored(server.url)


@pytest.mark.faults
async def test_a_server_that_died_starts_again_on_the_same_port(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as server:
        url, pid = server.url, server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(5):
            while server.pid is not None:  # noqa: ASYNC110 - a process sets no event
                await asyncio.sleep(0.01)
        await server.restart()
        assert server.url == url
        assert server.pid not in {None, pid}
        assert await stored(url)


async def parent_of_a_server(folder: Path, variant: str) -> tuple[Process, int, int]:
    """A process that runs a server; both pids of `PARENT`."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(folder), variant, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    server, forked = (int(pid) for pid in (await parent.stdout.readline()).split())
    assert runs(server)
    return parent, server, forked


@pytest.mark.faults
@pytest.mark.parametrize("variant", ["alone", "fork"])
async def test_the_server_ends_when_its_parent_is_killed(tmp_path: Path, variant: str) -> None:
    """Also when a process that the parent forked still holds the parent's end of the pipe."""
    parent, server, forked = await parent_of_a_server(tmp_path, variant)
    parent.kill()
    assert await ended(server, 5)
    if variant == "fork":
        os.kill(forked, signal.SIGKILL)
    await parent.wait()
    async with EmbeddedStore(tmp_path) as again:
        assert await stored(again.url)


@pytest.mark.faults
async def test_a_server_that_outlives_its_parent_keeps_others_off_its_folder(
    tmp_path: Path,
) -> None:
    parent, server, _ = await parent_of_a_server(tmp_path, "alone")
    os.kill(server, signal.SIGSTOP)
    try:
        parent.kill()
        await parent.wait()
        with pytest.raises(Misconfigured, match="in use"):
            await EmbeddedStore(tmp_path).start()
    finally:
        os.kill(server, signal.SIGCONT)
    assert await ended(server, 5)
    async with EmbeddedStore(tmp_path) as again:
        assert await stored(again.url)


async def test_others_find_a_server_while_it_runs_and_no_longer(tmp_path: Path) -> None:
    assert url_of_running(tmp_path) is None
    async with EmbeddedStore(tmp_path) as server:
        assert url_of_running(tmp_path) == server.url
        await server.restart()
        assert url_of_running(tmp_path) == server.url
    assert url_of_running(tmp_path) is None
    assert url_of_running(tmp_path / "nowhere") is None
