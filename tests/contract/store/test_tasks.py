"""What the store promises about task documents, apart from who owns them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile, Task
from kztasks.errors import Misconfigured, NotFound, StoreUnavailable
from kztasks.store.interface import Ending, PageKey
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import (
    ACCOUNT,
    CREATED,
    OTHER_ACCOUNT,
    FailingSilently,
    a_record,
    a_task,
    an_input,
    executing,
    tasks_over,
)

pytestmark = pytest.mark.store


async def test_a_stored_task_is_read_back_as_it_was(store: MongoStore) -> None:
    task = a_task(
        file_name="Träger “x”.csv", total_rows=3, input=an_input("f"), status=TaskStatus.PENDING
    )
    await store.tasks.insert(task)
    assert await store.tasks.get(task.id) == task


async def test_another_account_does_not_find_the_task(store: MongoStore) -> None:
    task = a_task()
    await store.tasks.insert(task)
    assert await store.tasks.get(task.id, ACCOUNT) == task
    assert await store.tasks.get(task.id, OTHER_ACCOUNT) is None
    assert await store.tasks.get("0" * 30) is None


async def test_inserting_a_task_again_does_not_set_it_back(store: MongoStore) -> None:
    task = a_task()
    await store.tasks.insert(task)
    claimed = await store.tasks.claim(task.id, node="n", worker="n", now=CREATED)
    await store.tasks.insert(task)
    assert await store.tasks.get(task.id) == claimed


async def test_a_document_has_the_names_that_dashboards_read_and_nothing_undefined(
    store: MongoStore,
) -> None:
    task = a_task(input=an_input("f"), total_rows=2)
    await store.tasks.insert(task)
    document = await store._database["tasks"].find_one({"_id": task.id})
    assert document == {
        "_id": task.id,
        "pvt_type": "task",
        "pvt_account_id": ACCOUNT,
        "pvt_auth_account_id": ACCOUNT,
        "pvt_category": "skel",
        "pvt_action": "id2",
        "pvt_created": CREATED,
        "pvt_modified": CREATED,
        "pvt_status": "pending",
        "pvt_total_rows": 2,
        "created_key": f"0{CREATED}:{task.id}",
        "stop_requested": False,
        "rescues": 0,
        "input": {
            "file_id": "f",
            "columns": ["e164"],
            "size": 10,
            "body_offset": 5,
            "body_line": 2,
            "sha256": "0" * 64,
        },
        "attachments": ["in.csv"],
    }


async def test_a_document_of_somebody_else_is_named_instead_of_read_wrongly(
    store: MongoStore,
) -> None:
    await store._database["tasks"].insert_one({"_id": "strange", "pvt_status": "odd"})
    with pytest.raises(Misconfigured, match="strange"):
        await store.tasks.get("strange")


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
async def test_pages_show_every_task_once_newest_first_also_where_times_are_equal(
    store: MongoStore, limit: int
) -> None:
    chosen = random.Random(limit)
    tasks = [a_task(created=CREATED + chosen.randrange(4)) for _ in range(25)]
    for task in tasks:
        await store.tasks.insert(task)
    await store.tasks.insert(a_task(account_id=OTHER_ACCOUNT))

    seen: list[Task] = []
    start: PageKey | None = None
    while True:
        page = await store.tasks.page(ACCOUNT, limit=limit + 1, start=start)
        seen += page[:limit]
        if len(page) <= limit:
            break
        start = PageKey(page[limit].created, page[limit].id)
    assert seen == sorted(tasks, key=lambda task: (task.created, task.id), reverse=True)


async def test_a_page_begins_with_the_task_of_its_start_key(store: MongoStore) -> None:
    tasks = [a_task(id=f"{index:030x}") for index in range(3)]
    for task in tasks:
        await store.tasks.insert(task)
    page = await store.tasks.page(ACCOUNT, limit=10, start=PageKey(CREATED, tasks[1].id))
    assert [task.id for task in page] == [tasks[1].id, tasks[0].id]


async def test_deleting_removes_the_task_with_its_files_and_its_log(store: MongoStore) -> None:
    task = await executing(store.tasks, input=an_input("in"))
    for file_id in ("in", "out", "of-another"):
        async with store.files.upload(file_id, "x.csv") as upload:
            await upload.write(b"x")
            await upload.commit()
    other = a_task()
    for owner in (task.id, other.id):
        await store.log.append(a_record(owner, 0))
    ending = Ending(
        status=TaskStatus.SUCCESS,
        ended_at=CREATED + 9,
        failed=0,
        succeeded=1,
        output=OutputFile(file_id="out", size=1, sha256="0" * 64),
        reason=None,
    )
    assert await store.tasks.finish(task.id, epoch=1, ending=ending)

    deleted = await store.tasks.delete(task.id)

    assert deleted is not None
    assert deleted.status is TaskStatus.SUCCESS
    assert await store.tasks.get(task.id) is None
    assert await store.log.head(task.id) is None
    for file_id in ("in", "out"):
        with pytest.raises(NotFound):
            await store.files.download(file_id)
    assert (await store.files.download("of-another")).size == 1
    assert await store.log.head(other.id) is not None


async def test_a_pending_task_can_be_deleted_and_a_missing_one_is_none(store: MongoStore) -> None:
    task = a_task()
    await store.tasks.insert(task)
    assert await store.tasks.delete(task.id) == task
    assert await store.tasks.delete(task.id) is None


async def test_an_executing_task_is_not_deleted_and_keeps_its_files(store: MongoStore) -> None:
    async with store.files.upload("in", "in.csv") as upload:
        await upload.write(b"e164\r\n1\r\n")
        await upload.commit()
    task = await executing(store.tasks, input=an_input("in"))
    await store.log.append(a_record(task.id, 0))
    assert await store.tasks.delete(task.id) is None
    assert await store.tasks.get(task.id) == task
    assert (await store.files.download("in")).size == 9
    assert await store.log.head(task.id) is not None


async def test_a_task_is_either_claimed_or_deleted_never_both(store: MongoStore) -> None:
    for _ in range(20):
        task = a_task()
        await store.tasks.insert(task)
        claimed, deleted = await asyncio.gather(
            store.tasks.claim(task.id, node="n", worker="n", now=CREATED),
            store.tasks.delete(task.id),
        )
        assert (claimed is None) != (deleted is None)


async def test_a_removal_that_was_not_carried_out_is_no_answer(
    store: MongoStore,
) -> None:
    task = a_task()
    await store.tasks.insert(task)
    with pytest.raises(StoreUnavailable):
        await tasks_over(store, FailingSilently).delete(task.id)
    assert await store.tasks.get(task.id) == replace(task)
