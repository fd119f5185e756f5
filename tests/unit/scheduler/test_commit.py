"""A record is inserted until the log has one under its seq, and that one counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import pytest

from kztasks.domain.log import ROOT_SHA, LogRecord, RecordKind, seal
from kztasks.errors import Invalid, StoreUnavailable
from kztasks.scheduler import commit as commit_module
from kztasks.scheduler.commit import commit


def record(*, epoch: int = 1, output: bytes = b'"1"\n') -> LogRecord:
    bare = LogRecord(
        task_id="t",
        seq=1,
        epoch=epoch,
        kind=RecordKind.BATCH,
        offset=4,
        line=3,
        row=1,
        data=None,
        failed=0,
        succeeded=1,
        output=output,
    )
    return seal(bare, ROOT_SHA)


class ScriptedLog:
    """`LogStore` whose inserts end as they are told to."""

    def __init__(self, ends: Iterable[Exception | LogRecord]) -> None:
        self._ends = iter(ends)
        self.asked: list[LogRecord] = []

    async def append(self, record: LogRecord) -> LogRecord:
        self.asked.append(record)
        end = next(self._ends)
        if isinstance(end, Exception):
            raise end
        return end

    async def head(self, task_id: str) -> LogRecord | None:
        raise AssertionError("nothing is read")

    def records(self, task_id: str) -> AsyncIterator[LogRecord]:
        raise AssertionError("nothing is read")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_module, "FIRST_BACKOFF_S", 0.0)


async def test_the_same_record_is_inserted_again_until_the_store_answers() -> None:
    mine = record()
    log = ScriptedLog([StoreUnavailable("?"), StoreUnavailable("?"), mine])

    assert await commit(log, mine) is mine
    assert log.asked == [mine] * 3


async def test_a_rivals_record_under_the_same_seq_is_the_one_that_counts() -> None:
    rivals = record(epoch=2, output=b'"2"\n')
    assert await commit(ScriptedLog([StoreUnavailable("?"), rivals]), record()) is rivals


async def test_what_can_never_be_stored_is_not_tried_again() -> None:
    log = ScriptedLog([Invalid("too large")])
    with pytest.raises(Invalid):
        await commit(log, record())
    assert len(log.asked) == 1
