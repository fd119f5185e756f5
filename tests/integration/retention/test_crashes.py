"""Wherever a process dies, what it leaves is found, and nothing else is removed.

Each test kills at the first write, at the second, and so on, once before and once after the write
has reached the database, until the work is done before death comes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kztasks.store.interface import Store
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import a_task, an_input
from tests.integration.retention.leftovers import (
    BIG,
    DAYS,
    HOURS,
    KEEP,
    RECORDS,
    Death,
    assert_exact,
    ended,
    executing,
    mortal,
    pending,
    read,
    settle,
    stored,
    sweep,
    upload,
)
from tests.servers.cluster import ROOT, eventually

pytestmark = [pytest.mark.store, pytest.mark.timeout(120)]

Work = Callable[[Store], Awaitable[object]]
MOST_WRITES = 100


@pytest.fixture
def dying(store_url: str, database_name: str) -> Callable[[Work, int, bool], Awaitable[bool]]:
    """Do some work in a process that dies at a write; whether it died."""

    async def dying(work: Work, at: int, is_after: bool) -> bool:  # noqa: FBT001
        death = Death(at, is_after)
        with mortal(store_url, database_name, death) as store:
            await work(store)
        return death.has_come

    return dying


Dying = Callable[[Work, int, bool], Awaitable[bool]]


@pytest.mark.parametrize("is_after", [False, True])
async def test_a_front_that_dies_while_it_creates_a_task(
    store: MongoStore, store_folder: Path | None, dying: Dying, *, is_after: bool
) -> None:
    async def create(front: Store) -> None:
        task = a_task()
        file_id = f"{task.id}.in.csv"
        await upload(front, file_id, BIG)
        await front.tasks.insert(replace(task, input=replace(an_input(file_id), size=BIG)))

    deaths = 0
    while await dying(create, deaths + 1, is_after):
        deaths += 1
        assert deaths < MOST_WRITES
    await settle(store)
    await assert_exact(store, store_folder)
    assert (await stored(store, store_folder)).loose_ends == 0
    assert deaths >= 6


@pytest.mark.parametrize("is_after", [False, True])
async def test_a_scheduler_that_dies_while_it_removes_a_task(
    store: MongoStore, store_folder: Path | None, dying: Dying, *, is_after: bool
) -> None:
    deaths, at = 0, 1
    while True:
        task = await ended(store)

        async def remove(scheduler: Store, task_id: str = task.id) -> None:
            await scheduler.tasks.delete(task_id)

        if not await dying(remove, at, is_after):
            break
        deaths, at = deaths + 1, at + 1
        assert deaths < MOST_WRITES
    await settle(store)
    await assert_exact(store, store_folder)
    assert (await stored(store, store_folder)).loose_ends == 0
    assert deaths >= 8


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("after", [25 * HOURS, 31 * DAYS, 91 * DAYS])
async def test_a_janitor_that_dies_in_its_pass(
    store: MongoStore,
    store_folder: Path | None,
    dying: Dying,
    after: timedelta,
    *,
    is_after: bool,
) -> None:
    """All kinds of work are due in each pass; two tasks that have not ended stand beside it."""
    bystanders = [await executing(store), await pending(store)]
    retention = replace(KEEP, files=30 * DAYS, tasks=90 * DAYS)
    deaths = 0
    while True:
        await ended(store)
        await upload(store, f"{deaths:030x}.in.csv", BIG)
        if not await dying(lambda one: sweep(one, after, retention), deaths + 1, is_after):
            break
        deaths += 1
        assert deaths < MOST_WRITES
        await sweep(store, after, retention)
        await settle(store)
        await assert_exact(store, store_folder)
    assert deaths >= 8
    for task in bystanders:
        assert await read(store, task.id) == task
        assert (await store.files.download(f"{task.id}.in.csv")).size == 10
    found = await stored(store, store_folder)
    assert found.log == {bystanders[0].id: RECORDS}


UPLOADING = """
import asyncio, sys
from kztasks.store.mongo import MongoStore
from kztasks.store.mongo.files import CHUNK_BYTES

async def main(url, database):
    store = MongoStore(url, database)
    async with store.files.upload("e" * 30 + ".in.csv", "in.csv") as target:
        while True:
            await target.write(b"x" * 4 * CHUNK_BYTES)
            print("written", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_process_that_is_killed_between_two_chunks(
    store: MongoStore, store_folder: Path | None, store_url: str, database_name: str, tmp_path: Path
) -> None:
    kept = await ended(store)
    output = tmp_path / "output"
    command = [sys.executable, "-c", UPLOADING, store_url, database_name]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, cwd=ROOT)  # noqa: ASYNC220  (to be killed)
    try:
        eventually("chunks are written", lambda: output.read_text().count("written") >= 3)
    finally:
        process.kill()
        process.wait()
    assert (await stored(store, store_folder)).chunks > 3
    await sweep(store, timedelta(hours=23))
    assert (await stored(store, store_folder)).chunks > 3
    await settle(store)
    await assert_exact(store, store_folder)
    assert (await read(store, kept.id)).output == kept.output
