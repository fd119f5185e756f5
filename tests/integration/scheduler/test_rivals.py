"""Two schedulers run one task, or one may have lost it: each record is written once."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from kztasks.csvio import encode_rows
from kztasks.domain.log import LogRecord, RecordKind, seal
from kztasks.errors import StoreUnavailable
from kztasks.scheduler import rounds, watch
from kztasks.store.interface import NodeStore
from kztasks.store.mongo import MongoStore
from tests.integration.scheduler.adding import Adding
from tests.integration.scheduler.exact import ROWS, came_out_exact, records_of, started
from tests.integration.scheduler.fake_app import FakeApp, Request
from tests.integration.scheduler.faulty import StoreWith
from tests.integration.scheduler.kit import (
    Engine,
    RunningScheduler,
    eventually,
    numbers,
)

pytestmark = pytest.mark.store


async def test_an_owner_that_lost_its_task_is_told_by_the_app_and_lets_go(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before it would read so in the task's document."""
    monkeypatch.setattr(rounds, "INTERVAL_S", 3600.0)
    adding = Adding(row_s=0.001)
    await engine.app(adding.app())
    first, second = await engine.scheduler(batch_rows=20), await engine.scheduler(batch_rows=20)
    with capture_logs() as logged:
        task_id = await started(engine, first)
        await engine.committed(task_id, 1)
        await steal(engine, task_id, second)
        await eventually(lambda: first.scheduler.running == 0)
        assert second.scheduler.running == 1
        await came_out_exact(engine, task_id)

    assert [one["why"] for one in logged if one["event"] == "task_let_go"] == [
        "epoch 2 of this task was here already"
    ]


async def test_an_owner_that_lost_its_task_reads_so_in_the_document_and_lets_go(
    engine: Engine,
) -> None:
    """While its batch runs, too."""
    adding = Adding(held={100: asyncio.Event()})
    await engine.app(adding.app())
    first, second = await engine.scheduler(), await engine.scheduler()
    task_id = await started(engine, first)
    await eventually(lambda: adding.has_run(100))
    await steal(engine, task_id, second)
    await eventually(lambda: first.scheduler.running == 0)
    adding.held[100].set()

    await came_out_exact(engine, task_id)


async def test_a_task_that_changes_its_owner_all_the_time_comes_out_whole(engine: Engine) -> None:
    adding = Adding(row_s=0.001)
    await engine.app(adding.app())
    first, second = await engine.scheduler(), await engine.scheduler()
    task_id = await started(engine, first)
    for _ in range(6):
        await engine.committed(task_id, 1)
        await steal(engine, task_id, second)
        first, second = second, first

    await came_out_exact(engine, task_id)
    await eventually(lambda: first.scheduler.running == second.scheduler.running == 0)


@pytest.mark.parametrize("seed", range(5))
async def test_two_owners_that_do_not_know_of_each_other_write_each_record_once(
    engine: Engine, store: MongoStore, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Both go on to the very end; their apps cut the rows at other places."""
    monkeypatch.setattr(rounds, "INTERVAL_S", 3600.0)
    monkeypatch.setattr(watch, "LEAST_INTERVAL_S", 3600.0)
    chance = random.Random(seed)

    async def script(request: Request) -> None:
        await asyncio.sleep(chance.random() * 0.01)  # so that either may be first
        whole = request.answer()["returns"]
        part = whole[: chance.randint(1, len(whole))]
        await request.reply(request.answer(returns=part, data=str(part[-1]["row"]["sum"])))

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    first, second = await engine.scheduler(), await engine.scheduler()
    with capture_logs(processors=[merge_contextvars]) as logged:
        task_id = await started(engine, first)
        await engine.committed(task_id, 1)
        await steal(engine, task_id, second)
        await came_out_exact(engine, task_id)
        await eventually(lambda: first.scheduler.running == second.scheduler.running == 0)
    await app.stop()

    said = [one["event"] for one in logged]
    assert said.count("record_adopted") > 0
    assert said.count("task_let_go") == 1
    assert [one["epoch"] for one in logged if one["event"] == "task_finished"] == [2]
    stored = await store._database["attachments.files"].find({}).to_list(None)
    assert sorted(file["filename"] for file in stored) == ["in.csv", "out.csv"]


async def test_of_those_who_find_a_task_without_an_owner_one_takes_it(engine: Engine) -> None:
    """All of them have read the same document by then."""
    schedulers = [await engine.scheduler() for _ in range(3)]
    task_id = await engine.submit("add", numbers(ROWS))
    assert await engine.store.tasks.claim(task_id, node="dead", worker="dead", now=1)
    orphan = await engine.task(task_id)
    await asyncio.gather(*(one.scheduler._take_over(orphan) for one in schedulers))

    assert [one.scheduler.running for one in schedulers].count(1) == 1
    task = await engine.task(task_id)
    assert task.owner is not None
    assert (task.owner.epoch, task.rescues) == (2, 1)


async def steal(engine: Engine, task_id: str, thief: RunningScheduler) -> None:
    """Let a scheduler take a task from one that lives."""
    task = await engine.task(task_id)
    if task.owner is None or task.status.is_final or task_id in thief.scheduler._owned:
        return
    node = thief.scheduler.life.node_id
    taken = await engine.store.tasks.take_over(
        task_id, lost=task.owner.node, epoch=task.owner.epoch, node=node, worker="thief"
    )
    if taken is not None:
        thief.scheduler._owned.run(taken)


def record_of_three_rows(head: LogRecord) -> LogRecord:
    """What another owner would have committed after `head`, had its app answered three rows."""
    total, rows = int(head.data or 0), []
    for number in range(head.row + 1, head.row + 4):
        total += number
        rows.append([str(number), str(total)])
    record = LogRecord(
        task_id=head.task_id,
        seq=head.seq + 1,
        epoch=7,
        kind=RecordKind.BATCH,
        offset=head.offset + sum(len(number) + len('""\n') for number, _ in rows),
        line=head.line + 3,
        row=head.row + 3,
        data=str(total),
        failed=0,
        succeeded=head.succeeded + 3,
        columns=(0, 1),
        written=(0, 1),
        output=encode_rows([list(cells) for cells in rows]),
    )
    return seal(record, head.sha)


async def test_a_rivals_record_is_adopted_and_what_was_built_on_our_own_thrown_away(
    engine: Engine,
) -> None:
    """The rival answered the same batch in part only."""
    adding = Adding(held={35: asyncio.Event()})
    await engine.app(adding.app())
    scheduler = await engine.scheduler()
    task_id = await started(engine, scheduler)
    await eventually(lambda: adding.has_run(35))
    await engine.committed(task_id, 20)
    head = await engine.store.log.head(task_id)
    assert head is not None
    rival = record_of_three_rows(head)
    assert await engine.store.log.append(rival) is rival
    with capture_logs() as logged:
        adding.held[35].set()
        await came_out_exact(engine, task_id)

    assert [one["batch"] for one in logged if one["event"] == "record_adopted"] == [rival.seq]
    assert (await records_of(engine, task_id))[rival.seq] == rival


class Deaf:
    """Heartbeats that do not arrive while it says so."""

    def __init__(self, nodes: NodeStore) -> None:
        self._nodes = nodes
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nodes, name)

    async def beat(self, node_id: str) -> bool:
        if self.is_away:
            raise StoreUnavailable("away")
        return await self._nodes.beat(node_id)


async def test_a_scheduler_that_others_may_take_for_dead_sends_no_batch(engine: Engine) -> None:
    fence_s, gone_s = 0.5, 1.5
    sent: list[float] = []

    async def script(request: Request) -> None:
        sent.append(time.monotonic())
        await asyncio.sleep(0.01)  # so that there are batches all the time
        await request.reply(request.answer())

    app = FakeApp(await engine.bus("fake"), script)
    await app.start()
    nodes = Deaf(engine.store.nodes)
    store = StoreWith(engine.store, nodes=nodes)
    scheduler = await engine.scheduler(store=store, fence_s=fence_s, batch_rows=3)
    task_id = await started(engine, scheduler)
    await engine.committed(task_id, 1)
    nodes.is_away, away_at = True, time.monotonic()
    waiting = await engine.until(task_id, lambda task: task.waiting_for)
    assert waiting.waiting_for == "the database, to be seen alive in it"
    await asyncio.sleep(max(0.0, away_at + gone_s - time.monotonic()))  # time has to go by
    nodes.is_away, back_at = False, time.monotonic()

    await came_out_exact(engine, task_id)
    await app.stop()
    assert not [at for at in sent if away_at + fence_s + 0.05 < at < back_at]
    assert [at for at in sent if at < away_at]
    assert [at for at in sent if at > back_at]
