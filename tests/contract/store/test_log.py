"""The commit log: the first record under a seq stands, whoever comes later."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest

from kztasks.domain.header import csv_header
from kztasks.domain.log import ROOT_SHA, EndCause, LogRecord, RecordKind, is_sealed, seal
from kztasks.domain.task import new_task_id
from kztasks.errors import Invalid, LogBroken, StoreUnavailable
from kztasks.store.mongo import MongoStore
from kztasks.store.mongo.log import MongoLog
from tests.contract.store.samples import LosingAnswers, a_record

pytestmark = pytest.mark.store


async def test_an_empty_log_has_no_head_and_no_records(store: MongoStore) -> None:
    assert await store.log.head("t") is None
    assert [record async for record in store.log.records("t")] == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": RecordKind.BEGIN, "header": csv_header(("e164", "näme"), ("error", "error"))},
        {"kind": RecordKind.END, "cause": EndCause.FAULT, "reason": "Zeile 3: “x”"},
        {"data": None},
        {"data": "123456789012345678901234"},
        {
            "data": '{"$gt": "", "a.b": "\\u0000", "ü": 1e999}',
            "app": "skel 1.0 on n1",
            "attempts": 3,
        },
        {"output": bytes(range(256)), "columns": ()},
        {"output": b"", "columns": (5, 3)},
    ],
)
async def test_a_record_is_read_back_as_it_was_with_its_checksum(
    store: MongoStore, changes: dict[str, object]
) -> None:
    record = a_record("t", 1, **changes)
    assert await store.log.append(record) == record
    head = await store.log.head("t")
    assert head == record
    assert is_sealed(head, ROOT_SHA)


async def test_appending_adopts_the_record_of_a_rival(store: MongoStore) -> None:
    rival = a_record("t", 7, epoch=2, output=b"rival\r\n")
    mine = a_record("t", 7, epoch=1, output=b"mine\r\n")
    assert await store.log.append(rival) == rival
    assert await store.log.append(mine) == rival
    assert [record async for record in store.log.records("t")] == [rival]


async def test_one_of_many_rivals_wins_and_all_learn_who(store: MongoStore) -> None:
    rivals = [a_record("t", 1, output=f"{index}\r\n".encode()) for index in range(30)]
    results = await asyncio.gather(*(store.log.append(record) for record in rivals))
    assert set(results) == {results[0]}
    assert results[0] in rivals
    assert [record async for record in store.log.records("t")] == [results[0]]


async def test_appending_again_after_a_lost_answer_finds_ones_own_record(
    store: MongoStore,
) -> None:
    record = a_record("t", 3)
    losing: Any = LosingAnswers(store.log._log)
    log = MongoLog(losing)
    with pytest.raises(StoreUnavailable):
        await log.append(record)
    assert await log.append(record) == record
    assert [found async for found in store.log.records("t")] == [record]


async def test_more_than_a_thousand_records_come_in_order_and_nothing_of_other_tasks(
    store: MongoStore,
) -> None:
    task_id, neighbours = "t", ("s", "t:", "t0", "u")
    records = [a_record(task_id, seq) for seq in range(1_203)]
    for record in random.Random(1).sample(records, len(records)):
        await store.log.append(record)
    for neighbour in neighbours:
        await store.log.append(a_record(neighbour, 2_000))
    assert [record async for record in store.log.records(task_id)] == records
    assert await store.log.head(task_id) == records[-1]


async def test_the_order_does_not_rest_on_an_index(store: MongoStore) -> None:
    await store._database["log"].drop_indexes()
    for seq in random.Random(2).sample(range(150), 150):
        await store.log.append(a_record("t", seq))
    assert [record.seq async for record in store.log.records("t")] == list(range(150))


@pytest.mark.parametrize("last", [9, 10, 99, 100, 1_000])
async def test_the_head_is_the_highest_seq_by_number(store: MongoStore, last: int) -> None:
    for seq in {last, last - 1, 2, 9}:
        await store.log.append(a_record("t", seq))
    head = await store.log.head("t")
    assert head is not None
    assert head.seq == last


async def test_large_records_come_in_order(store: MongoStore) -> None:
    records = [a_record("t", seq, output=b"x" * size) for seq, size in enumerate(
        [0, 10, 3_000_000, 2_000_000, 100, 5_000_000, 0, 7]
    )]  # fmt: skip
    for record in records:
        await store.log.append(record)
    assert [record async for record in store.log.records("t")] == records


async def test_a_record_that_mongodb_would_refuse_is_refused_everywhere(store: MongoStore) -> None:
    record = a_record("t", 1, output=b"x" * 16_000_000)
    with pytest.raises(Invalid):
        await store.log.append(record)
    assert await store.log.head("t") is None


async def test_text_that_no_database_takes_is_invalid_not_unavailable(store: MongoStore) -> None:
    with pytest.raises(Invalid):
        await store.log.append(a_record("t", 1, data='"\ud800"', sha="0" * 64))


async def test_a_record_that_was_tampered_with_is_named(store: MongoStore) -> None:
    await store.log.append(a_record("t", 1))
    await store._database["log"].update_one({"t": "t"}, {"$set": {"kind": "odd"}})
    with pytest.raises(LogBroken, match="t:0000000001"):
        await store.log.head("t")


async def test_a_chain_of_records_keeps_its_checksums(store: MongoStore) -> None:
    task_id, sha = new_task_id(), ROOT_SHA
    for seq in range(12):
        record = seal(replace(a_record(task_id, seq), epoch=seq), sha)
        sha = (await store.log.append(record)).sha
    sha = ROOT_SHA
    found: list[LogRecord] = [record async for record in store.log.records(task_id)]
    for record in found:
        assert is_sealed(record, sha)
        sha = record.sha
    assert len(found) == 12


async def test_of_many_records_at_once_each_is_stored_or_finds_who_was_first(
    store: MongoStore,
) -> None:
    """They go to the database together; one that lost does not take others with it."""
    ids = [new_task_id() for _ in range(150)]
    first = {one: await store.log.append(a_record(one, 0, row=7)) for one in ids[::3]}
    committed = await asyncio.gather(*(store.log.append(a_record(one, 0, row=1)) for one in ids))

    for task_id, record in zip(ids, committed, strict=True):
        assert record.row == (7 if task_id in first else 1)
        assert await store.log.head(task_id) == record
