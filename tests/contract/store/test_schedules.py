"""A schedule changes version by version, and what is due is found."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kztasks.domain.retention import Belongings, left_behind
from kztasks.domain.schedule import (
    Missed,
    Overlap,
    RunOutcome,
    RunRecord,
    Schedule,
    ScheduleRun,
    ended,
    paused,
    step,
)
from kztasks.domain.task import InputFile
from kztasks.domain.timing import Timing
from kztasks.errors import NotFound
from kztasks.store.mongo import MongoStore

pytestmark = pytest.mark.store

T0 = 1_790_000_400


def a_schedule(**changes: object) -> Schedule:
    schedule = Schedule(
        id="s1",
        account_id="a" * 32,
        auth_account_id="b" * 32,
        category="c",
        action="x",
        timing=Timing("*/10 * * * *", "Europe/Berlin"),
        created=T0,
        next=T0 + 600,
    )
    return replace(schedule, **changes)  # type: ignore[arg-type]  # the test says what it changes


async def test_a_schedule_comes_back_as_it_was_stored(store: MongoStore) -> None:
    file = InputFile(
        file_id="f", columns=("x", "y"), size=7, body_offset=4, body_line=2, sha256="0" * 64
    )
    full = a_schedule(
        name="nightly",
        overlap=Overlap.QUEUE,
        missed=Missed.SKIP,
        paused=True,
        input=file,
        total_rows=1,
        file_name="numbers.csv",
        queue=(T0, T0 + 600),
        run=ScheduleRun(T0, "t", "n", 2),
        last_task_id="t0",
    )
    once = a_schedule(id="s2", timing=Timing(at=T0 + 5), created=T0 + 1, next=None)
    for schedule in (full, once, once):
        await store.schedules.insert(schedule)
    assert await store.schedules.get("s1", "a" * 32) == full
    assert await store.schedules.get("s1", "b" * 32) is None
    assert await store.schedules.of_account("a" * 32, limit=9) == [once, full]
    assert await store.schedules.delete("s1") == full
    assert await store.schedules.delete("s1") is None


async def test_of_many_who_deal_with_a_moment_one_succeeds(store: MongoStore) -> None:
    schedule = a_schedule()
    await store.schedules.insert(schedule)
    steps = [
        step(schedule, T0 + 601, is_busy=False, run=ScheduleRun(0, f"t{number}", "n"))
        for number in range(20)
    ]
    taken = await asyncio.gather(*(store.schedules.replace(one.schedule) for one in steps if one))
    assert sum(taken) == 1
    now = await store.schedules.get("s1")
    assert now is not None
    assert now.version == 1
    assert await store.schedules.replace(now)  # repeated, as after a lost answer
    assert not await store.schedules.replace(replace(now, next=None))


async def test_what_is_due_is_found_and_nothing_else(store: MongoStore) -> None:
    for schedule in (
        a_schedule(id="due"),
        a_schedule(id="later", next=T0 + 1200),
        replace(paused(a_schedule(id="paused"))),
        a_schedule(id="over", next=None),
        a_schedule(id="waiting", paused=True, queue=(T0,)),
        a_schedule(id="running", next=T0 + 9000, run=ScheduleRun(T0, "t", "n")),
    ):
        await store.schedules.insert(schedule)

    async def due(now: int) -> list[str]:
        return [one.id async for one in store.schedules.due(now)]

    assert await due(T0 + 599) == ["running", "waiting"]
    assert await due(T0 + 600) == ["running", "waiting", "due"]
    running = await store.schedules.get("running")
    assert running is not None
    assert await store.schedules.replace(ended(running))
    assert await due(T0 + 600) == ["waiting", "due"]


async def test_a_moment_has_one_record_and_the_latest_comes_first(store: MongoStore) -> None:
    records = [
        RunRecord(
            schedule_id="s1",
            instant=T0 + number,
            outcome=RunOutcome.STARTED,
            at=T0 + number + 1,
            task_id=f"t{number}",
        )
        for number in range(3)
    ]
    for record in (*records, replace(records[1], task_id="other")):
        await store.schedules.record(record)
    assert await store.schedules.records("s1", limit=2) == [records[2], records[1]]
    assert await store.schedules.records("s2", limit=2) == []


async def test_the_input_of_a_schedule_is_kept_as_long_as_the_schedule(store: MongoStore) -> None:
    file = InputFile(
        file_id="s1.in.csv", columns=("x",), size=2, body_offset=2, body_line=2, sha256="0" * 64
    )
    async with store.files.upload(file.file_id, "in.csv") as upload:
        await upload.write(b"x\n")
        await upload.commit()
    no_traces = await store.retention.traces(["s1"])
    assert left_behind(Belongings("s1", ("s1.in.csv",)), no_traces.get("s1")).file_ids
    await store.schedules.insert(a_schedule(input=file))
    traces = await store.retention.traces(["s1"])
    assert left_behind(Belongings("s1", ("s1.in.csv",)), traces["s1"]).is_nothing
    old = left_behind(Belongings("s1", ("s1.old.csv",)), traces["s1"])
    assert old.file_ids == ("s1.old.csv",)
    await store.schedules.delete("s1")
    with pytest.raises(NotFound):
        await store.files.download("s1.in.csv")
