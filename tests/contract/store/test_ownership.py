"""Who may run a task: one owner at a time, with an epoch that only grows."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile, Owner, Task
from kztasks.errors import StoreUnavailable
from kztasks.store.interface import Ending, Held, View
from kztasks.store.mongo import MongoStore
from tests.contract.store.samples import (
    CREATED,
    FailingSilently,
    LosingAnswers,
    a_task,
    executing,
    tasks_over,
)

pytestmark = pytest.mark.store

VIEW = View(failed=1, succeeded=2, waiting_for=None)


def an_ending(**changes: object) -> Ending:
    values: dict[str, object] = {
        "status": TaskStatus.SUCCESS,
        "ended_at": CREATED + 9,
        "failed": 0,
        "succeeded": 3,
        "output": OutputFile(file_id="out", size=1, sha256="0" * 64),
        "reason": None,
    }
    return Ending(**values | changes)  # type: ignore[arg-type]  # the test says what it changes


@pytest.mark.parametrize("nodes", [50, 1])
async def test_one_of_fifty_concurrent_claims_gets_the_task(store: MongoStore, nodes: int) -> None:
    task = a_task()
    await store.tasks.insert(task)
    claims = [
        store.tasks.claim(task.id, node=f"n{index % nodes}", worker=f"w{index}", now=CREATED + 5)
        for index in range(50)
    ]
    won = [claimed for claimed in await asyncio.gather(*claims) if claimed is not None]
    assert len(won) == 1
    stored = await store.tasks.get(task.id)
    assert stored == won[0]
    assert won[0].status is TaskStatus.EXECUTING
    assert won[0].started_at == CREATED + 5
    assert won[0].owner is not None
    assert won[0].owner.epoch == 1


@pytest.mark.parametrize("calls", [1, 2])
async def test_many_claims_and_endings_at_once_each_know_their_own_outcome(
    store: MongoStore, calls: int
) -> None:
    """They go together; `calls` for each task, of which one gets it."""
    pending = [a_task() for _ in range(30)]
    for task in pending:
        await store.tasks.insert(task)
    taken = await executing(store.tasks, "other")
    wanted = [one.id for one in pending for _ in range(calls)] + [taken.id, "0" * 30]
    won = await asyncio.gather(
        *(store.tasks.claim(one, node="n", worker="w", now=CREATED) for one in wanted)
    )
    assert sorted(one.id for one in won if one is not None) == sorted(one.id for one in pending)
    assert all(one is None or one.owner == Owner("n", 1) for one in won)
    ends = [(one.id, 1, True) for one in pending]
    ends += [(taken.id, 2, False), ("0" * 30, 1, False), (pending[0].id, 2, False)]
    ended = await asyncio.gather(
        *(store.tasks.finish(one, epoch=epoch, ending=an_ending()) for one, epoch, _ in ends)
    )
    assert ended == [is_ended for *_, is_ended in ends]
    assert await store.tasks.get(taken.id) == taken
    for one in pending:
        found = await store.tasks.get(one.id)
        assert found is not None
        assert found.status is TaskStatus.SUCCESS


async def test_claims_that_went_together_and_whose_answer_was_lost_succeed_when_repeated(
    store: MongoStore,
) -> None:
    pending = [a_task() for _ in range(5)]
    for task in pending:
        await store.tasks.insert(task)
    tasks = tasks_over(store, partial(LosingAnswers, together=True))

    async def claim_all() -> list[Task | BaseException | None]:
        claims = [tasks.claim(one.id, node="n", worker="w", now=CREATED) for one in pending]
        return await asyncio.gather(*claims, return_exceptions=True)

    first, *rest = await claim_all()
    assert isinstance(first, Task)
    assert all(isinstance(one, StoreUnavailable) for one in rest)
    first, *rest = await claim_all()
    assert first is None
    assert [one.id for one in rest if isinstance(one, Task)] == [one.id for one in pending[1:]]


async def test_changes_that_go_together_and_are_not_carried_out_are_no_refusal(
    store: MongoStore,
) -> None:
    task, running = a_task(), await executing(store.tasks)
    await store.tasks.insert(task)
    tasks = tasks_over(store, FailingSilently)
    outcomes = await asyncio.gather(
        *(tasks.claim(task.id, node="n", worker="n", now=CREATED) for _ in range(3)),
        *(tasks.finish(running.id, epoch=1, ending=an_ending()) for _ in range(3)),
        return_exceptions=True,
    )
    assert all(isinstance(one, StoreUnavailable) for one in outcomes)


async def test_a_missing_or_final_task_is_not_claimed(store: MongoStore) -> None:
    task = await executing(store.tasks)
    await store.tasks.finish(task.id, epoch=1, ending=an_ending())
    for task_id in (task.id, "0" * 30):
        assert await store.tasks.claim(task_id, node="n", worker="n", now=CREATED) is None


async def test_a_claim_whose_answer_was_lost_succeeds_once_when_repeated(
    store: MongoStore,
) -> None:
    task = a_task()
    await store.tasks.insert(task)
    tasks = tasks_over(store, LosingAnswers)

    async def claim(node: str) -> Task | None:
        return await tasks.claim(task.id, node=node, worker=node, now=CREATED)

    with pytest.raises(StoreUnavailable):
        await claim("mine")
    assert await claim("other") is None
    repeated = await claim("mine")
    assert repeated is not None
    assert repeated.owner == Owner("mine", 1)
    assert await claim("mine") is None


async def test_a_claim_that_was_not_carried_out_is_no_refusal(
    store: MongoStore,
) -> None:
    task = a_task()
    await store.tasks.insert(task)
    tasks = tasks_over(store, FailingSilently)
    with pytest.raises(StoreUnavailable):
        await tasks.claim(task.id, node="n", worker="n", now=CREATED)


async def test_a_task_is_taken_over_from_its_owner_only(store: MongoStore) -> None:
    task = await executing(store.tasks, "node-1")
    for lost, epoch in (("node-2", 1), ("node-1", 2), ("node-1", 0), (None, 1)):
        taken = await store.tasks.take_over(
            task.id, lost=lost, epoch=epoch, node="thief", worker="thief"
        )
        assert taken is None
    assert await store.tasks.get(task.id) == task


async def test_each_new_owner_has_a_higher_epoch_and_a_loss_counts_as_a_rescue(
    store: MongoStore,
) -> None:
    task = await executing(store.tasks, "n1")
    for epoch in range(1, 5):
        taken = await store.tasks.take_over(
            task.id, lost=f"n{epoch}", epoch=epoch, node=f"n{epoch + 1}", worker=f"w{epoch + 1}"
        )
        assert taken is not None
        assert taken.owner == Owner(f"n{epoch + 1}", epoch + 1)
        assert taken.worker_node == f"w{epoch + 1}"
        assert taken.rescues == epoch
        assert taken.status is TaskStatus.EXECUTING


async def test_one_of_many_rescuers_gets_the_task(store: MongoStore) -> None:
    task = await executing(store.tasks, "dead")
    rescuers = [
        store.tasks.take_over(task.id, lost="dead", epoch=1, node=f"n{index}", worker="w")
        for index in range(20)
    ]
    won = [taken for taken in await asyncio.gather(*rescuers) if taken is not None]
    assert len(won) == 1
    assert await store.tasks.get(task.id) == won[0]
    assert won[0].rescues == 1


async def test_a_take_over_whose_answer_was_lost_succeeds_when_repeated(
    store: MongoStore,
) -> None:
    task = await executing(store.tasks, "dead")
    tasks = tasks_over(store, LosingAnswers)

    async def take_over() -> Task | None:
        return await tasks.take_over(task.id, lost="dead", epoch=1, node="n", worker="n")

    with pytest.raises(StoreUnavailable):
        await take_over()
    taken = await take_over()
    assert taken is not None
    assert (taken.owner, taken.rescues) == (Owner("n", 2), 1)


async def test_a_released_task_is_free_for_anybody_and_is_no_rescue(store: MongoStore) -> None:
    task = await executing(store.tasks, "n1")
    assert not await store.tasks.release(task.id, node="n2", epoch=1)
    assert not await store.tasks.release(task.id, node="n1", epoch=2)
    assert await store.tasks.release(task.id, node="n1", epoch=1)
    assert await store.tasks.release(task.id, node="n1", epoch=1), "repeating it is no error"

    (free,) = await store.tasks.owned_by(None, limit=10)
    assert (free.id, free.owner) == (task.id, Owner(None, 1))
    taken = await store.tasks.take_over(task.id, lost=None, epoch=1, node="n2", worker="n2")
    assert taken is not None
    assert (taken.owner, taken.rescues) == (Owner("n2", 2), 0)
    assert not await store.tasks.release(task.id, node="n1", epoch=1)


async def test_an_owners_tasks_are_those_that_execute(store: MongoStore) -> None:
    mine = [await executing(store.tasks, "n1") for _ in range(3)]
    other = await executing(store.tasks, "n2")
    released = await executing(store.tasks, "n3")
    await store.tasks.release(released.id, node="n3", epoch=1)
    await store.tasks.insert(a_task())
    await store.tasks.finish(mine[0].id, epoch=1, ending=an_ending())

    owned = await store.tasks.owned_by("n1", limit=10)
    assert {task.id for task in owned} == {task.id for task in mine[1:]}
    assert len(await store.tasks.owned_by("n1", limit=1)) == 1
    assert [task.id for task in await store.tasks.owned_by("n2", limit=10)] == [other.id]
    assert await store.tasks.owned_by("n3", limit=10) == []
    assert await store.tasks.owners() == {"n1", "n2"}


async def test_a_refresh_writes_the_view_and_shows_a_stop_request(store: MongoStore) -> None:
    task = await executing(store.tasks, "n1")
    seen = await store.tasks.refresh(
        task.id, node="n1", epoch=1, view=View(failed=0, succeeded=1, waiting_for="skel")
    )
    assert seen is not None
    assert (seen.succeeded, seen.waiting_for, seen.stop_requested) == (1, "skel", False)

    asked = await store.tasks.request_stop(task.id)
    assert asked is not None
    assert asked.status is TaskStatus.EXECUTING
    seen = await store.tasks.refresh(task.id, node="n1", epoch=1, view=VIEW)
    assert seen is not None
    assert (seen.failed, seen.succeeded, seen.waiting_for, seen.stop_requested) == (
        1,
        2,
        None,
        True,
    )
    assert await store.tasks.get(task.id) == seen


async def test_a_stop_request_survives_a_change_of_owner(store: MongoStore) -> None:
    task = await executing(store.tasks, "n1")
    await store.tasks.request_stop(task.id)
    taken = await store.tasks.take_over(task.id, lost="n1", epoch=1, node="n2", worker="n2")
    assert taken is not None
    assert taken.stop_requested


async def test_only_an_executing_task_can_be_asked_to_stop(store: MongoStore) -> None:
    pending = a_task()
    await store.tasks.insert(pending)
    assert await store.tasks.request_stop(pending.id) is None
    assert await store.tasks.get(pending.id) == pending
    assert await store.tasks.request_stop("0" * 30) is None


async def test_a_former_owner_learns_from_its_refresh_that_the_task_is_gone(
    store: MongoStore,
) -> None:
    task = await executing(store.tasks, "n1")
    taken = await store.tasks.take_over(task.id, lost="n1", epoch=1, node="n2", worker="n2")
    assert await store.tasks.refresh(task.id, node="n1", epoch=1, view=VIEW) is None
    assert await store.tasks.refresh(task.id, node="n2", epoch=1, view=VIEW) is None
    assert await store.tasks.get(task.id) == taken


async def test_a_task_ends_once_and_shows_its_ending(store: MongoStore) -> None:
    task = await executing(store.tasks, "n1")
    await store.tasks.refresh(
        task.id, node="n1", epoch=1, view=View(failed=1, succeeded=1, waiting_for="skel")
    )
    assert await store.tasks.finish(task.id, epoch=1, ending=an_ending())
    ended = await store.tasks.get(task.id)
    assert ended is not None
    assert (ended.status, ended.ended_at) == (TaskStatus.SUCCESS, CREATED + 9)
    assert (ended.failed, ended.succeeded, ended.waiting_for) == (0, 3, None)
    assert ended.output == an_ending().output
    document = await store._database["tasks"].find_one({"_id": task.id})
    assert document is not None
    assert document["attachments"] == ["out.csv"]

    stopped = an_ending(status=TaskStatus.STOPPED, output=None)
    assert not await store.tasks.finish(task.id, epoch=1, ending=stopped)
    assert await store.tasks.refresh(task.id, node="n1", epoch=1, view=VIEW) is None
    taken = await store.tasks.take_over(task.id, lost="n1", epoch=1, node="n2", worker="n2")
    assert taken is None
    assert await store.tasks.get(task.id) == ended


async def test_an_ending_without_counts_leaves_none(store: MongoStore) -> None:
    task = await executing(store.tasks, "n1")
    await store.tasks.refresh(task.id, node="n1", epoch=1, view=VIEW)
    ending = an_ending(
        status=TaskStatus.INTERNAL_ERROR, failed=None, succeeded=None, output=None, reason="why"
    )
    assert await store.tasks.finish(task.id, epoch=1, ending=ending)
    ended = await store.tasks.get(task.id)
    assert ended is not None
    assert (ended.failed, ended.succeeded, ended.output, ended.reason) == (None, None, None, "why")


@pytest.mark.parametrize("epoch", [0, 1, 3])
async def test_nobody_but_the_owner_ends_a_task(store: MongoStore, epoch: int) -> None:
    task = await executing(store.tasks, "n1")
    taken = await store.tasks.take_over(task.id, lost="n1", epoch=1, node="n2", worker="n2")
    assert not await store.tasks.finish(task.id, epoch=epoch, ending=an_ending())
    assert await store.tasks.get(task.id) == taken
    assert await store.tasks.finish(task.id, epoch=2, ending=an_ending())


async def test_an_ending_whose_answer_was_lost_holds_when_repeated(
    store: MongoStore,
) -> None:
    task = await executing(store.tasks, "n1")
    tasks = tasks_over(store, LosingAnswers)
    with pytest.raises(StoreUnavailable):
        await tasks.finish(task.id, epoch=1, ending=an_ending())
    assert await tasks.finish(task.id, epoch=1, ending=an_ending())
    assert not await tasks.finish(task.id, epoch=1, ending=an_ending(succeeded=2))


async def test_an_ending_is_known_again_though_its_cleanup_has_given_it_a_reason(
    store: MongoStore,
) -> None:
    """By whoever took the cleanup over meanwhile; the output is not to be removed as a loser's."""
    task = await executing(store.tasks, "n1")
    tasks, ending = tasks_over(store, LosingAnswers), an_ending(is_cleanup_due=True)
    with pytest.raises(StoreUnavailable):
        await tasks.finish(task.id, epoch=1, ending=ending)
    await store.aftermath.cleaned(task.id, reason="cleanup crashed: ValueError")
    assert await tasks.finish(task.id, epoch=1, ending=ending)


async def test_a_pending_task_cannot_end(store: MongoStore) -> None:
    task = a_task()
    await store.tasks.insert(task)
    assert not await store.tasks.finish(task.id, epoch=1, ending=an_ending())
    assert await store.tasks.get(task.id) == task


async def test_an_owner_sees_which_tasks_are_its_own_and_who_is_to_stop_in_one_question(
    store: MongoStore,
) -> None:
    mine = [await executing(store.tasks, "me") for _ in range(3)]
    others = await executing(store.tasks, "other")
    await store.tasks.insert(a_task())
    await store.tasks.finish(mine[0].id, epoch=1, ending=an_ending())
    await store.tasks.request_stop(mine[1].id)
    await store.tasks.take_over(mine[2].id, lost="me", epoch=1, node="other", worker="w")
    taken = await store.tasks.take_over(mine[2].id, lost="other", epoch=2, node="me", worker="w")
    assert taken is not None

    ids = [task.id for task in (*mine, others)]
    assert await store.tasks.held_by("me", ids) == {
        mine[1].id: Held(1, stop_requested=True),
        mine[2].id: Held(3, stop_requested=False),
    }
    assert await store.tasks.held_by("me", ids[:1]) == {}
    assert await store.tasks.held_by("nobody", ids) == {}


async def test_tasks_of_an_account_are_counted_by_status_and_no_further_than_is_asked(
    store: MongoStore,
) -> None:
    for _ in range(4):
        await executing(store.tasks, account_id="a" * 32)
    for _ in range(3):
        await store.tasks.insert(a_task(account_id="a" * 32))
    await store.tasks.insert(a_task(account_id="b" * 32))
    running, unfinished = {TaskStatus.EXECUTING}, {TaskStatus.PENDING, TaskStatus.EXECUTING}

    assert await store.tasks.count("a" * 32, running, most=100) == 4
    assert await store.tasks.count("a" * 32, running, most=3) == 3
    assert await store.tasks.count("a" * 32, unfinished, most=100) == 7
    assert await store.tasks.count("b" * 32, running, most=100) == 0
