"""What the janitor asks of the store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kztasks.domain.retention import Belongings, Part
from kztasks.domain.status import TaskStatus
from kztasks.errors import StoreUnavailable
from kztasks.store.interface import Ending, Store
from kztasks.store.mongo import MongoStore
from kztasks.store.retention import Due
from tests.contract.store.samples import (
    CREATED,
    LosingAnswers,
    a_record,
    a_task,
    an_input,
    executing,
)

pytestmark = pytest.mark.store

DAY = timedelta(days=1)


async def ended(store: Store) -> str:
    """A task that has ended, with an input and no output."""
    task = await executing(store.tasks, input=an_input("in"))
    ending = Ending(
        status=TaskStatus.SUCCESS, ended_at=CREATED, failed=0, succeeded=1, output=None, reason=None
    )
    assert await store.tasks.finish(task.id, epoch=1, ending=ending)
    return task.id


async def test_the_time_is_the_databases(store: MongoStore) -> None:
    assert abs(await store.retention.now() - datetime.now(UTC)) < timedelta(minutes=1)


async def test_one_alone_begins_a_round(store: MongoStore) -> None:
    numbers = await asyncio.gather(*(store.retention.round() for _ in range(5)))
    assert numbers == [0] * 5
    begun = await asyncio.gather(*(store.retention.begin_round(0) for _ in range(20)))
    (mine,) = [one for one in begun if one is not None]
    assert mine.number == 1
    assert abs(await store.retention.now() - mine.now) < timedelta(minutes=1)
    assert await store.retention.round() == 1
    assert await store.retention.begin_round(0) is None


async def test_a_beginning_whose_answer_was_lost_leaves_the_round_to_nobody(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.retention.round()
    monkeypatch.setattr(store.retention, "_rounds", LosingAnswers(store.retention._rounds))
    with pytest.raises(StoreUnavailable):
        await store.retention.begin_round(0)
    assert await store.retention.begin_round(0) is None
    assert await store.retention.round() == 1


@pytest.mark.parametrize("part", list(Part))
async def test_only_tasks_that_have_ended_for_so_long_are_due(
    store: MongoStore, part: Part
) -> None:
    await store.tasks.insert(a_task(input=an_input("p")))
    await executing(store.tasks, input=an_input("e"))
    task_id = await ended(store)
    now = await store.retention.now()
    file_ids = () if part is Part.LOG else ("in",)
    belongings = Belongings(task_id, file_ids, log=part is not Part.FILES)
    for before, wanted in ((now - timedelta(minutes=1), []), (now + DAY, [belongings])):
        due = Due(part, before)
        assert await store.retention.due(due, limit=10) == wanted
        assert await store.retention.count_due(due) == len(wanted)
        assert await store.retention.due(Due(part, before, with_output=True), limit=10) == []
        without = Due(part, before, with_output=False)
        assert await store.retention.due(without, limit=10) == wanted


@pytest.mark.parametrize("part", list(Part))
async def test_a_task_that_has_not_ended_cannot_expire(store: MongoStore, part: Part) -> None:
    pending = a_task(input=an_input("p"))
    await store.tasks.insert(pending)
    running = await executing(store.tasks, input=an_input("e"))
    due = Due(part, await store.retention.now() + 1000 * DAY)
    await store.retention.expire(due, [Belongings(pending.id), Belongings(running.id)])
    assert await store.tasks.get(pending.id) == pending
    assert await store.tasks.get(running.id) == running


@pytest.mark.parametrize("part", [Part.LOG, Part.FILES])
async def test_a_part_expires_once_and_the_document_says_so(store: MongoStore, part: Part) -> None:
    task_id = await ended(store)
    due = Due(part, await store.retention.now() + DAY)
    found = await store.retention.due(due, limit=10)
    await asyncio.gather(*(store.retention.expire(due, found) for _ in range(5)))
    document = await store._database["tasks"].find_one({"_id": task_id})
    assert document is not None
    assert document["removed"] == [part.value]
    assert await store.retention.due(due, limit=10) == []
    task = await store.tasks.get(task_id)
    assert task is not None
    assert task.removed == {part}
    assert (task.input is None) == (part is Part.FILES)


async def test_what_expires_can_still_be_found_by_its_loose_end(store: MongoStore) -> None:
    task_id = await ended(store)
    now = await store.retention.now()
    due = Due(Part.TASK, now + DAY)
    end = await store.retention.expire(due, await store.retention.due(due, limit=10))
    assert end.belongings == (Belongings(task_id, ("in",), log=True),)
    assert end in await store.retention.loose_ends(now + DAY, limit=10)
    assert await store.retention.loose_ends(now - DAY, limit=10) == []
    assert await store.retention.count_loose_ends(now + DAY) == 1
    assert await store.retention.traces([task_id, "gone"]) == {}


async def test_traces_are_of_those_tasks_that_exist(store: MongoStore) -> None:
    task_id, running = await ended(store), await executing(store.tasks)
    traces = await store.retention.traces([task_id, running.id, "gone"])
    assert set(traces) == {task_id, running.id}
    assert (traces[task_id].is_final, traces[running.id].is_final) == (True, False)
    assert traces[task_id].file_ids == {"in"}
    assert not traces[task_id].is_log_removed


async def test_a_loose_end_is_doomed_once_and_only_if_nobody_has_shown_life(
    store: MongoStore,
) -> None:
    async with store.files.upload("t.in.csv", "in.csv") as target:
        await target.write(b"x")
        await target.commit()
    now = await store.retention.now()
    (end,) = await store.retention.loose_ends(now + DAY, limit=10)
    assert await store.files.note_again("t.in.csv")
    assert not await store.retention.doom(end)
    (end,) = await store.retention.loose_ends(now + DAY, limit=10)
    assert [await store.retention.doom(end) for _ in range(2)] == [True, False]
    assert not await store.files.note_again("t.in.csv")
    (end,) = await store.retention.loose_ends(now + DAY, limit=10)
    assert end.is_doomed
    await store.retention.drop([end])
    await store.retention.drop([end])
    assert await store.retention.loose_ends(now + DAY, limit=10) == []


async def test_a_loose_end_that_is_put_off_is_as_young_as_a_new_one(store: MongoStore) -> None:
    now = await store.retention.now()
    due = Due(Part.LOG, now)
    end = await store.retention.expire(due, [Belongings("t")])
    old = now - 2 * DAY
    await store._database["loose_ends"].update_one({"_id": end.end_id}, {"$set": {"at": old}})
    assert await store.retention.loose_ends(now - DAY, limit=10) == [end]
    await store.retention.postpone([end])
    assert await store.retention.loose_ends(now - DAY, limit=10) == []
    assert await store.retention.loose_ends(now + DAY, limit=10) == [end]


async def test_log_records_go_a_bounded_number_at_a_time(store: MongoStore) -> None:
    for task_id in ("a", "b", "c"):
        for seq in range(5):
            await store.log.append(a_record(task_id, seq))
    removed = [await store.retention.remove_log_records(["a", "b"], limit=4) for _ in range(4)]
    assert removed == [4, 4, 2, 0]
    assert await store.log.head("a") is None
    assert len([one async for one in store.log.records("c")]) == 5
