"""What a pass of the janitor removes, and what it leaves alone."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kztasks.domain.log import LogRecord
from kztasks.domain.retention import Part
from kztasks.errors import NotFound, StoreUnavailable
from kztasks.scheduler.sweep import Sweeper, Swept
from kztasks.store.access_records import AuditEntry
from kztasks.store.interface import Store
from kztasks.store.mongo import MongoStore, files
from kztasks.store.mongo.files import CHUNK_BYTES, ChunkDocument
from tests.contract.store.samples import CREATED, a_record
from tests.integration.retention.leftovers import (
    BIG,
    DAYS,
    HOURS,
    KEEP,
    RECORDS,
    an_ending,
    assert_exact,
    ended,
    executing,
    go_on,
    pending,
    read,
    settle,
    stored,
    sweep,
    upload,
)

pytestmark = pytest.mark.store


async def log_of(store: Store, task_id: str) -> list[LogRecord]:
    return [record async for record in store.log.records(task_id)]


async def test_a_log_is_kept_for_a_day_after_the_end(store: MongoStore) -> None:
    task = await ended(store)
    assert (await sweep(store, 23 * HOURS)).logs == 0
    assert len(await log_of(store, task.id)) == RECORDS
    assert (await sweep(store, 25 * HOURS)).logs == 1
    assert await log_of(store, task.id) == []
    assert await read(store, task.id) == replace(task, removed=frozenset([Part.LOG]))
    assert (await sweep(store, 25 * HOURS)).logs == 0


async def test_a_log_that_is_the_only_copy_of_the_output_is_kept_for_a_week(
    store: MongoStore,
) -> None:
    task = await ended(store, has_output=False)
    await sweep(store, 6 * DAYS)
    assert len(await log_of(store, task.id)) == RECORDS
    assert (await sweep(store, 8 * DAYS)).logs == 1
    assert await log_of(store, task.id) == []


async def test_files_and_documents_are_kept_for_ever_unless_a_time_is_set(
    store: MongoStore, store_folder: Path | None
) -> None:
    task = await ended(store)
    await sweep(store, 10_000 * DAYS)
    assert (await read(store, task.id)).output == task.output
    await assert_exact(store, store_folder)


async def test_files_go_when_their_time_is_over_and_the_document_says_so(
    store: MongoStore, store_folder: Path | None
) -> None:
    task = await ended(store)
    retention = replace(KEEP, files=30 * DAYS)
    assert (await sweep(store, 29 * DAYS, retention)).files == 0
    await assert_exact(store, store_folder)
    assert (await sweep(store, 31 * DAYS, retention)).files == 1
    left = await read(store, task.id)
    assert left == replace(
        task, input=None, output=None, attached=None, removed=frozenset([Part.LOG, Part.FILES])
    )
    found = await stored(store, store_folder)
    assert (found.files, found.chunks) == (frozenset(), 0)


async def test_a_task_goes_as_a_whole_when_its_time_is_over(
    store: MongoStore, store_folder: Path | None
) -> None:
    task, young = await ended(store), await pending(store)
    retention = replace(KEEP, tasks=90 * DAYS)
    assert (await sweep(store, 89 * DAYS, retention)).tasks == 0
    assert (await sweep(store, 91 * DAYS, retention)).tasks == 1
    assert await store.tasks.get(task.id) is None
    assert await store.tasks.get(young.id) == young
    await settle(store)
    await assert_exact(store, store_folder)
    assert (await stored(store, store_folder)).loose_ends == 0


@pytest.mark.parametrize("make", [pending, executing])
async def test_nothing_of_a_task_that_has_not_ended_is_touched_however_old_it_is(
    store: MongoStore, store_folder: Path | None, make: object
) -> None:
    task = await (pending(store) if make is pending else executing(store))
    await upload(store, f"{task.id}/a.pdf/of a batch that may still be committed", BIG)
    before = await stored(store, store_folder)
    eager = replace(KEEP, files=7 * DAYS, tasks=8 * DAYS)
    for days in (1, 10, 1000):
        await sweep(store, days * DAYS, eager)
    after = await stored(store, store_folder)
    assert (after.files, after.chunks, after.log) == (before.files, before.chunks, before.log)
    assert await read(store, task.id) == task


async def test_a_task_that_was_taken_over_keeps_what_its_old_owner_wrote_until_it_has_ended(
    store: MongoStore, store_folder: Path | None
) -> None:
    task = await executing(store)
    lost = f"{task.id}/out.csv/of the old owner"
    await upload(store, lost)
    await store.tasks.take_over(task.id, lost="n", epoch=1, node="m", worker="m")
    await sweep(store, 1000 * DAYS)
    assert lost in (await stored(store, store_folder)).files
    assert await store.tasks.finish(task.id, epoch=2, ending=an_ending())
    await settle(store)
    assert lost not in (await stored(store, store_folder)).files
    await assert_exact(store, store_folder)


@pytest.mark.parametrize("off", [-DAYS, DAYS, -1000 * DAYS])
async def test_the_clocks_of_schedulers_do_not_matter(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    """One that ends a task writes its own time into the document; ages are not reckoned by it."""
    task = await ended(store, ended_at=CREATED + int(off.total_seconds()))
    wrong = time.time() + off.total_seconds()
    monkeypatch.setattr(time, "time", lambda: wrong)
    assert (await sweep(store, 23 * HOURS)).logs == 0
    assert len(await log_of(store, task.id)) == RECORDS
    assert (await sweep(store, 25 * HOURS)).logs == 1


async def test_an_upload_without_a_task_goes_after_its_grace(
    store: MongoStore, store_folder: Path | None
) -> None:
    await upload(store, "f" * 30 + ".in.csv", BIG)
    await sweep(store, 23 * HOURS)
    assert (await stored(store, store_folder)).chunks > 0
    assert (await sweep(store, 25 * HOURS)).left_behind == 1
    await assert_exact(store, store_folder)
    await settle(store)
    assert (await stored(store, store_folder)).loose_ends == 0


async def test_an_upload_that_takes_for_days_is_not_touched(
    store: MongoStore, store_folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows life with its chunks."""
    monkeypatch.setattr(files, "NOTE_S", 0.0)
    at = 0
    dated = store._database["loose_ends"]
    async with store.files.upload("f" * 30 + ".in.csv", "in.csv") as target:
        for _ in range(4):
            await target.write(b"x" * 4 * CHUNK_BYTES)
            end = await dated.find_one({})
            assert end is not None
            assert end["beat"] > at
            at = end["beat"]
            assert (await sweep(store, 23 * HOURS)).left_behind == 0
        await target.commit()
    assert (await store.files.download("f" * 30 + ".in.csv")).size == 16 * CHUNK_BYTES
    assert store_folder is None or (await stored(store, store_folder)).chunks == 16


async def test_an_upload_that_was_given_up_for_lost_fails_when_it_goes_on(
    store: MongoStore, store_folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A front that stood still for a day must not create a task whose input is gone."""
    monkeypatch.setattr(files, "NOTE_S", 0.0)
    with pytest.raises(StoreUnavailable, match="removed while"):
        await _interrupted(store, BIG)
    assert (await stored(store, store_folder)).chunks == 0


async def test_chunks_that_arrive_after_their_upload_was_given_up_for_lost_go_too(
    store: MongoStore, store_folder: Path | None
) -> None:
    """Of a front that stood still in the middle of a write, and dies right after it."""
    file_id = "f" * 30 + ".in.csv"
    await store.files.note(file_id)
    assert (await sweep(store, 25 * HOURS)).left_behind == 1
    late: ChunkDocument = {"_id": f"{file_id}:0", "files_id": file_id, "n": 0, "data": b"x"}
    await store.files.add_chunks([late])
    assert (await stored(store, store_folder)).chunks == 1
    await sweep(store, 25 * HOURS)
    found = await stored(store, store_folder)
    assert (found.chunks, found.loose_ends) == (0, 0)


async def _interrupted(store: MongoStore, size: int) -> None:
    async with store.files.upload("f" * 30 + ".in.csv", "in.csv") as target:
        await target.write(b"x" * size)
        await sweep(store, 25 * HOURS)
        await target.commit()


async def test_an_upload_that_shows_life_while_it_is_judged_stays(store: MongoStore) -> None:
    file_id = "f" * 30 + ".in.csv"
    await upload(store, file_id)
    now = await store.retention.now()
    (end,) = await store.retention.loose_ends(now + DAYS, limit=10)
    assert await store.files.note_again(file_id)
    assert not await store.retention.doom(end)
    assert (await store.files.download(file_id)).size == 10


async def test_a_record_that_is_written_after_its_task_was_deleted_goes(
    store: MongoStore, store_folder: Path | None
) -> None:
    """By a scheduler that lost the task and stood still until then."""
    task = await ended(store)
    await store.tasks.delete(task.id)
    await store.log.append(a_record(task.id, RECORDS))
    await settle(store)
    assert (await stored(store, store_folder)).log == {}


async def test_a_removal_that_was_refused_costs_the_task_nothing(
    store: MongoStore, store_folder: Path | None
) -> None:
    task = await pending(store)
    claimed, deleted = await asyncio.gather(
        store.tasks.claim(task.id, node="n", worker="n", now=CREATED),
        store.tasks.delete(task.id),
    )
    await settle(store)
    await assert_exact(store, store_folder)
    if deleted is None:
        assert await store.tasks.get(task.id) == claimed
        assert (await store.files.download(f"{task.id}.in.csv")).size == 10
    else:
        with pytest.raises(NotFound):
            await store.files.download(f"{task.id}.in.csv")


async def test_two_passes_at_once_remove_the_same_and_nothing_else(
    store: MongoStore, store_folder: Path | None
) -> None:
    """The counter that keeps schedulers apart only saves work."""
    kept = await executing(store)
    for _ in range(20):
        await ended(store)
    for index in range(10):
        await upload(store, f"{index:030x}.in.csv")
    retention = replace(KEEP, files=30 * DAYS, tasks=90 * DAYS)
    for after in (25 * HOURS, 31 * DAYS, 91 * DAYS):
        await asyncio.gather(*(sweep(store, after, retention) for _ in range(3)))
    await settle(store)
    await assert_exact(store, store_folder)
    found = await stored(store, store_folder)
    assert found.log == {kept.id: RECORDS}
    assert (len(found.files), found.loose_ends) == (1, 0)


async def test_old_entries_of_the_audit_log_go(store: MongoStore) -> None:
    now = await store.retention.now()
    for days in (1, 364, 366, 1000):
        entry = AuditEntry(
            at=int((now - days * DAYS).timestamp()) + 62_167_219_200,
            event="task_created",
            outcome="ok",
            account_id="a",
            auth_account_id="a",
            task_id=str(days),
        )
        await store.audit.add(entry)
    assert (await sweep(store, timedelta())).audit == 2
    left = await store.audit.of_account("a", limit=10)
    assert [entry.task_id for entry in left] == ["1", "364"]


async def test_what_is_due_can_be_known_without_removing_anything(
    store: MongoStore, store_folder: Path | None
) -> None:
    await ended(store)
    await ended(store, has_output=False)
    await upload(store, "f" * 30 + ".in.csv")
    before = await stored(store, store_folder)
    sweeper = Sweeper(store, replace(KEEP, files=30 * DAYS), go_on)
    now = await store.retention.now()
    due = [await sweeper.due(now + after) for after in (HOURS, 25 * HOURS, 31 * DAYS)]
    assert [(one.logs, one.files, one.tasks) for one in due] == [(0, 0, 0), (1, 0, 0), (2, 2, 0)]
    assert [one.left_behind for one in due] == [0, before.loose_ends, before.loose_ends]
    assert await stored(store, store_folder) == before
    assert sweeper.swept == Swept()
