"""`out.csv`: uploaded with retries, kept on disk when that fails, never shorter than the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kztasks.domain.log import LogRecord, RecordKind
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.errors import Invalid
from kztasks.scheduler import noted_log, output
from kztasks.store.mongo import MongoStore
from tasks_bindings import App, Category, Context, Row, Step, row
from tests.integration.scheduler.adding import Adding, sums
from tests.integration.scheduler.faulty import FailingUploads, StoreWith
from tests.integration.scheduler.kit import Engine, eventually, numbers, table

pytestmark = pytest.mark.store

ROWS = 300


async def uploading(engine: Engine, files: FailingUploads, **settings: float) -> str:
    """The id of a started task whose output is uploaded to these files."""
    await engine.store.set_run_time_settings(
        {"pause_between_upload_output_attempts_s": 0.02, **settings}
    )
    await engine.app(Adding().app())
    scheduler = await engine.scheduler(store=StoreWith(engine.store, files=files))
    task_id = await engine.submit("add", numbers(ROWS))
    await scheduler.start(task_id)
    return task_id


def local_files(engine: Engine) -> list[Path]:
    return [path for path in engine.folder.iterdir() if path.name.startswith("task_out.")]


async def test_an_upload_that_fails_is_tried_again(engine: Engine) -> None:
    files = FailingUploads(engine.store.files, failures=2)
    task_id = await uploading(engine, files, attempt_upload_output_times=3)
    task = await engine.ended(task_id)

    assert await engine.output(task_id) == sums(ROWS)
    assert (task.status, task.reason) == (TaskStatus.SUCCESS, None)
    assert files.tries == 3
    assert local_files(engine) == []


async def test_an_upload_that_keeps_failing_leaves_the_output_on_disk_and_says_where(
    engine: Engine,
) -> None:
    files = FailingUploads(engine.store.files)
    task_id = await uploading(engine, files, attempt_upload_output_times=3)
    task = await engine.ended(task_id)

    path = engine.folder / f"task_out.{task_id}.csv"
    assert (task.status, task.output) == (TaskStatus.INTERNAL_ERROR, None)
    assert task.reason == f"out.csv could not be uploaded; it is kept in {path}"
    assert files.tries == 3
    assert local_files(engine) == [path]
    assert path.read_bytes() == sums(ROWS)
    assert (task.succeeded, task.failed) == (ROWS, 0)
    head = await engine.store.log.head(task_id)
    assert head is not None
    assert head.is_end


async def test_the_number_of_tries_may_be_raised_while_they_fail(engine: Engine) -> None:
    files = FailingUploads(engine.store.files, failures=20)
    task_id = await uploading(engine, files, attempt_upload_output_times=1000)
    await eventually(lambda: files.tries >= 2)

    assert (await engine.ended(task_id)).status is TaskStatus.SUCCESS
    assert files.tries == 21


async def test_what_others_do_to_the_kept_file_does_not_touch_an_upload(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler on the same machine that lost the task delivers it as well."""
    monkeypatch.setattr(output, "IN_MEMORY_BYTES", 0)
    files = FailingUploads(engine.store.files, failures=5)
    task_id = await uploading(engine, files, attempt_upload_output_times=1000)
    path = engine.folder / f"task_out.{task_id}.csv"
    while not (await engine.task(task_id)).status.is_final:
        path.write_bytes(b"")
        path.unlink()

    assert (await engine.task(task_id)).status is TaskStatus.SUCCESS
    assert files.tries == 6
    assert await engine.output(task_id) == sums(ROWS)


async def ended_without_disk(engine: Engine) -> Task:
    await engine.app(Adding().app())
    scheduler = await engine.scheduler(output_folder=engine.folder / "missing")
    task_id = await engine.submit("add", numbers(ROWS))
    await scheduler.start(task_id)
    return await engine.ended(task_id)


async def test_a_small_output_needs_no_disk(engine: Engine) -> None:
    task = await ended_without_disk(engine)

    assert task.status is TaskStatus.SUCCESS
    assert await engine.output(task.id) == sums(ROWS)


async def test_a_disk_that_cannot_be_written_is_an_internal_error(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "IN_MEMORY_BYTES", 0)
    task = await ended_without_disk(engine)

    assert (task.status, task.output) == (TaskStatus.INTERNAL_ERROR, None)
    assert "out.csv could not be put together" in str(task.reason)


async def test_a_final_status_is_never_seen_before_the_output_can_be_downloaded(
    engine: Engine,
) -> None:
    files = FailingUploads(engine.store.files, failures=3)
    task_id = await uploading(engine, files)
    looks = 0
    while True:
        task = await engine.task(task_id)
        if task.status.is_final:
            assert await engine.output(task_id) == sums(ROWS)
            break
        assert (task.status, task.output, task.ended_at) == (TaskStatus.EXECUTING, None, None)
        looks += 1
    assert looks > 5


Tamper = Callable[[Any, str], Awaitable[Any]]


async def remove_from(log: Any, task_id: str, seq: int) -> Any:
    return await log.delete_many({"t": task_id, "seq": {"$gte": seq}})


async def remove_first(log: Any, task_id: str) -> Any:
    return await log.delete_one({"_id": f"{task_id}:{0:010d}"})


async def remove_middle(log: Any, task_id: str) -> Any:
    return await log.delete_one({"_id": f"{task_id}:{2:010d}"})


async def remove_last_batch(log: Any, task_id: str) -> Any:
    head = await log.find_one({"t": task_id}, sort=[("seq", -1)])
    return await log.delete_one({"_id": f"{task_id}:{head['seq'] - 1:010d}"})


async def remove_end(log: Any, task_id: str) -> Any:
    head = await log.find_one({"t": task_id}, sort=[("seq", -1)])
    return await log.delete_one({"_id": head["_id"]})


async def change_output(log: Any, task_id: str) -> Any:
    return await log.update_one({"_id": f"{task_id}:{2:010d}"}, {"$set": {"out": b'"1","1"\n'}})


async def swap_outputs(log: Any, task_id: str) -> Any:
    one = await log.find_one({"_id": f"{task_id}:{1:010d}"})
    other = await log.find_one({"_id": f"{task_id}:{2:010d}"})
    await log.update_one({"_id": one["_id"]}, {"$set": {"out": other["out"]}})
    return await log.update_one({"_id": other["_id"]}, {"$set": {"out": one["out"]}})


TAMPERINGS = [
    remove_first,
    remove_middle,
    remove_last_batch,
    remove_end,
    change_output,
    swap_outputs,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
async def test_a_log_that_lost_or_changed_a_record_gives_an_error_and_no_shorter_output(
    engine: Engine, store: MongoStore, tamper: Tamper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noted_log, "KEPT_BYTES", 0)
    go_on = asyncio.Event()
    adding = Adding(held_at_end=go_on)
    await engine.app(adding.app())
    scheduler = await engine.scheduler()
    task_id = await engine.submit("add", numbers(ROWS))
    await scheduler.start(task_id)
    await adding.at_end.wait()
    await tamper(store._database["log"], task_id)
    go_on.set()
    task = await engine.ended(task_id)

    assert (task.status, task.output) == (TaskStatus.INTERNAL_ERROR, None)
    assert "out.csv could not be put together: the log of the task" in str(task.reason)
    assert local_files(engine) == []


async def test_a_log_that_lost_its_header_ends_the_task_that_is_taken_over(
    engine: Engine, store: MongoStore
) -> None:
    """It cannot go on, wherever it is tried again."""
    adding = Adding(row_s=0.002)
    await engine.app(adding.app())
    first = await engine.scheduler()
    task_id = await engine.submit("add", numbers(ROWS))
    await first.start(task_id)
    await engine.committed(task_id, 10)
    await first.close()
    await remove_first(store._database["log"], task_id)
    await engine.scheduler()
    task = await engine.ended(task_id)

    assert (task.status, task.output) == (TaskStatus.INTERNAL_ERROR, None)
    assert "the log" in str(task.reason)


@pytest.mark.parametrize("left", [0, 2])
async def test_no_row_is_run_again_of_which_people_were_told_that_it_is_done(
    engine: Engine, store: MongoStore, left: int
) -> None:
    """A log without its last records looks like one that is not so far yet; the document tells."""
    adding = Adding(row_s=0.002, held={ROWS: asyncio.Event()})
    await engine.app(adding.app())
    first = await engine.scheduler()
    task_id = await engine.submit("add", numbers(ROWS))
    await first.start(task_id)
    told = (await engine.until(task_id, lambda task: (task.succeeded or 0) > 10)).succeeded
    await first.freeze()
    await remove_from(store._database["log"], task_id, left)
    await engine.scheduler()
    task = await engine.ended(task_id)
    adding.held[ROWS].set()

    assert (task.status, task.output) == (TaskStatus.INTERNAL_ERROR, None)
    assert "records are lost" in str(task.reason)
    assert task.succeeded is not None
    assert task.succeeded >= (told or 0)
    assert adding.repeated == 0


async def test_a_record_that_can_never_be_stored_ends_the_task_before_it(engine: Engine) -> None:
    class Refusing:
        records, head = engine.store.log.records, engine.store.log.head

        async def append(self, record: LogRecord) -> LogRecord:
            if record.kind is RecordKind.BATCH and record.row > 100:
                raise Invalid("the record is too large")
            return await engine.store.log.append(record)

    await engine.app(Adding().app())
    await engine.scheduler(store=StoreWith(engine.store, log=Refusing()))
    task, output = await engine.run("add", numbers(ROWS))

    assert (task.status, task.reason) == (TaskStatus.INTERNAL_ERROR, "the record is too large")
    assert task.succeeded is not None
    assert 10 <= task.succeeded <= 100
    assert output == sums(task.succeeded)


async def test_an_input_that_is_gone_ends_the_task_and_keeps_what_was_done(
    engine: Engine,
) -> None:
    running, gone = asyncio.Event(), asyncio.Event()
    t = Category("t")

    @t.csv_action("copy", description="d", mandatory=["n"], output_header=["x"])
    async def copy(_context: Context, _data: object, args: Row) -> Step:
        running.set()
        await gone.wait()
        return row([args["n"]])

    await engine.app(App("t", t))
    scheduler = await engine.scheduler()
    fill = "x" * 10_000
    task_id = await engine.submit(
        "copy", table(["n", "fill"], ([str(n), fill] for n in range(500)))
    )
    await scheduler.start(task_id)
    await running.wait()
    await engine.store.files.delete(f"{task_id}/in.csv")
    gone.set()
    task = await engine.ended(task_id)

    assert task.status is TaskStatus.INTERNAL_ERROR
    assert str(task.reason).startswith("in.csv: ")
    assert task.succeeded is not None
    assert 10 <= task.succeeded < 500
    done = ([str(n), fill, str(n)] for n in range(task.succeeded))
    assert await engine.output(task_id) == table(["n", "fill", "x"], done)


async def test_a_small_task_reads_nothing_back_from_its_log(engine: Engine) -> None:
    class WriteOnly:
        append = engine.store.log.append

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the log is asked for its {name}")

    await engine.app(Adding().app())
    scheduler = await engine.scheduler(store=StoreWith(engine.store, log=WriteOnly()))
    task_id = await engine.submit("add", numbers(10))
    await scheduler.start(task_id)
    task = await engine.ended(task_id)

    assert task.status is TaskStatus.SUCCESS
    assert await engine.output(task_id) == sums(10)
