"""Thousands of tasks: small steps, flat memory, and nobody waits for the database."""

from __future__ import annotations

import statistics
from typing import Final

import psutil
import pytest
from pymongo import monitoring

from kztasks.scheduler.sweep import STEP, Sweeper
from kztasks.store.mongo import MongoStore, client
from kztasks.store.mongo.log_document import log_document
from tests.contract.store.samples import a_record
from tests.integration.retention.leftovers import HOURS, KEEP, ended

pytestmark = [pytest.mark.store, pytest.mark.timeout(240)]

TASKS: Final = 4_000
MOST_S: Final = 1.0
"""On a machine that does nothing else the longest takes 0.2 s; others may take the processor."""
MIB: Final = 1024 * 1024


class Stopwatch(monitoring.CommandListener):
    """How long the database took for each command."""

    def __init__(self) -> None:
        self.took_s: list[float] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Nothing to do."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Note how long it took."""
        self.took_s.append(event.duration_micros / 1e6)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """None may fail."""
        raise AssertionError(event.failure)


async def fill(store: MongoStore) -> None:
    """Copies of a task that has ended, each with a log and with the note of its upload."""
    one = await ended(store)
    database = store._database
    task = await database["tasks"].find_one({"_id": one.id})
    assert task is not None
    when = task["final_since"]
    for first in range(1, TASKS, 500):
        ids = [f"{number:030x}" for number in range(first, min(first + 500, TASKS))]
        tasks = [{**task, "_id": id_, "created_key": f"{1:012d}:{id_}"} for id_ in ids]
        records = [log_document(a_record(id_, seq)) for id_ in ids for seq in range(2)]
        ends = [
            {
                "_id": f"{id_}.in.csv",
                "at": when,
                "beat": 1,
                "tasks": [{"id": id_, "files": [one.input.file_id if one.input else ""], "log": 0}],
            }
            for id_ in ids
        ]
        await database["tasks"].insert_many(tasks)
        await database["log"].insert_many(dict(record) for record in records)
        await database["loose_ends"].insert_many(ends)


async def test_thousands_of_tasks_are_swept_in_flat_memory_and_by_quick_queries(
    store: MongoStore, store_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store)
    watch, process = Stopwatch(), psutil.Process()
    monkeypatch.setattr(client, "_OPTIONS", {**client._OPTIONS, "event_listeners": [watch]})
    swept_by = MongoStore(store_url, database_name)
    before = process.memory_info().rss
    peak, steps = before, 0

    async def breathe() -> None:
        nonlocal peak, steps
        peak, steps = max(peak, process.memory_info().rss), steps + 1

    now = await store.retention.now()
    try:
        swept = await Sweeper(swept_by, KEEP, breathe).sweep(now + 25 * HOURS)
    finally:
        await swept_by.close()

    assert swept.logs == TASKS
    assert await store.log.head(f"{1:030x}") is None
    assert (await store.retention.loose_ends(now, limit=1)) == []
    assert steps >= TASKS / STEP
    assert statistics.quantiles(watch.took_s, n=100)[98] < MOST_S
    assert peak - before < 32 * MIB
    assert len(watch.took_s) < 20 * TASKS / STEP
