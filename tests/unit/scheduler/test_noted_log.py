"""What comes of a task's writes is counted, and a database without room is known to all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kztasks.domain.log import ROOT_SHA, LogRecord, RecordKind, seal
from kztasks.errors import StoreFull, StoreUnavailable
from kztasks.scheduler import noted_log
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.noted_log import NotedLog
from kztasks.scheduler.room import Room
from tests.unit.scheduler.test_commit import ScriptedLog, record


class Noted:
    """A noted log over inserts that end as they are told to."""

    def __init__(self, *ends: Any, is_rescue: bool = False, room: Room | None = None) -> None:
        self.metrics, self.room = SchedulerMetrics(), room or Room()
        self.log = NotedLog(ScriptedLog(ends), self.metrics, self.room, is_rescue=is_rescue)

    def counts(self) -> dict[str, float]:
        names = ("rows_committed", "batches_committed", "records_adopted", "unknown_writes")
        found = {
            name: self.metrics.registry.get_sample_value(f"kztasks_{name}_total")
            for name in (*names, "rows_rerun")
        }
        return {name: count for name, count in found.items() if count}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noted_log, "SHOWN_AFTER_S", -1.0)


def batch(seq: int, row: int) -> LogRecord:
    bare = LogRecord(
        task_id="t", seq=seq, epoch=1, kind=RecordKind.BATCH, offset=0, line=1, row=row,
        data=None, failed=0, succeeded=row,
    )  # fmt: skip
    return seal(bare, ROOT_SHA)


async def test_ones_own_rows_are_counted_and_a_rivals_are_not() -> None:
    mine, next_one = batch(1, 10), batch(3, 25)
    noted = Noted(mine, batch(2, 18), next_one)
    await noted.log.append(mine)
    await noted.log.append(batch(2, 20))
    await noted.log.append(next_one)
    assert noted.counts() == {"rows_committed": 17, "batches_committed": 2, "records_adopted": 1}


@pytest.mark.parametrize("is_rescue", [True, False])
async def test_the_first_batch_of_a_rescued_task_may_have_been_run_before(
    *, is_rescue: bool
) -> None:
    first, second = batch(1, 10), batch(2, 30)
    noted = Noted(first, second, is_rescue=is_rescue)
    await noted.log.append(first)
    await noted.log.append(second)
    assert noted.counts().get("rows_rerun", 0) == (10 if is_rescue else 0)


async def test_a_write_of_unknown_outcome_is_counted_and_waited_for() -> None:
    mine = record()
    noted = Noted(StoreUnavailable("?"), StoreFull("no room"), mine)
    with pytest.raises(StoreUnavailable):
        await noted.log.append(mine)
    assert (noted.log.waiting_for, noted.room.lack) == ("the database", None)
    with pytest.raises(StoreFull):
        await noted.log.append(mine)
    assert (noted.log.waiting_for, noted.room.lack) == ("room in the database", "no room")
    with pytest.raises(StoreFull):
        noted.room.check()
    await noted.log.append(mine)
    assert (noted.log.waiting_for, noted.room.lack) == (None, None)
    noted.room.check()
    assert noted.counts()["unknown_writes"] == 2


async def test_there_is_room_again_when_none_waits_for_it_any_more() -> None:
    room = Room()
    one, other = (Noted(StoreFull("no room"), room=room) for _ in range(2))
    for noted in (one, other):
        with pytest.raises(StoreFull):
            await noted.log.append(record())
    one.log.close()
    assert room.lack == "no room"
    other.log.close()
    assert room.lack is None


class Reading(ScriptedLog):
    """Has records of its own, so that it shows where others come from."""

    async def head(self, task_id: str) -> LogRecord | None:
        return batch(7, 70)

    async def records(self, task_id: str) -> AsyncIterator[LogRecord]:
        yield batch(7, 70)


def reading(*ends: LogRecord) -> NotedLog:
    return NotedLog(Reading(ends), SchedulerMetrics(), Room(), is_rescue=False)


async def rows_of(log: NotedLog) -> list[int]:
    return [one.row async for one in log.records("t")]


async def test_what_was_written_here_and_is_small_is_not_read_again() -> None:
    log = reading(batch(0, 0), batch(1, 10))
    await log.append(batch(0, 0))
    await log.append(batch(1, 10))
    assert await rows_of(log) == [0, 10]


async def test_of_a_rivals_record_and_ones_own_the_stored_one_is_kept() -> None:
    log = reading(batch(0, 0), batch(1, 12))
    await log.append(batch(0, 0))
    await log.append(batch(1, 10))
    assert await rows_of(log) == [0, 12]


async def test_what_is_not_small_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noted_log, "KEPT_BYTES", 2 * noted_log.RECORD_BYTES)
    log = reading(batch(0, 0), batch(1, 10), batch(2, 20))
    for seq in range(3):
        await log.append(batch(seq, 10 * seq))
    assert await rows_of(log) == [70]


async def test_a_log_that_was_begun_elsewhere_is_read() -> None:
    log = reading(batch(8, 80))
    await log.head("t")
    await log.append(batch(8, 80))
    assert await rows_of(log) == [70]
