"""The document of a running task says what there is to say, and is left alone otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.domain.log import LogRecord, RecordKind
from kztasks.domain.task import Owner, Task
from kztasks.errors import OwnershipLost, StoreUnavailable
from kztasks.scheduler import watch as watch_module
from kztasks.scheduler.watch import TaskWatch
from kztasks.store.interface import View

TASK = Task(
    id="t", account_id="a", auth_account_id="a", category="c", action="a", created=1, modified=1,
    owner=Owner("n", 1),
)  # fmt: skip


class Documents:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.is_away = False
        self.is_lost = False

    async def refresh(self, _task_id: str, *, view: View, **_owner: Any) -> Task | None:
        if self.is_away:
            raise StoreUnavailable("away")
        self.views.append(view)
        return None if self.is_lost else TASK


class Watched:
    """A task whose document is watched."""

    def __init__(self) -> None:
        self.documents = Documents()
        self.waiting_for: str | None = None
        tasks: Any = self.documents
        self.watch = TaskWatch(TASK, "n", tasks, lambda: self.waiting_for)

    async def count(self, rows: int, *, every: int = 1000) -> None:
        record = LogRecord(
            task_id="t", seq=1, epoch=1, kind=RecordKind.BATCH, offset=0, line=0, row=rows,
            data=None, failed=0, succeeded=rows,
        )  # fmt: skip
        await self.watch.committed(record, every=every)


async def test_it_is_due_when_something_has_changed_and_not_otherwise() -> None:
    watched = Watched()
    assert not watched.watch.is_due
    await watched.count(5)
    assert watched.watch.is_due
    await watched.watch.refresh()
    assert not watched.watch.is_due
    watched.waiting_for = "an app"
    assert watched.watch.is_due
    await watched.watch.refresh()
    watched.waiting_for = None
    await watched.watch.refresh()

    shown = [(view.succeeded, view.waiting_for) for view in watched.documents.views]
    assert shown == [(5, None), (5, "an app"), (5, None)]


async def test_it_is_written_at_once_when_so_many_rows_were_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "LEAST_INTERVAL_S", 0.0)
    watched = Watched()
    for rows in (40, 90, 130, 250):
        await watched.count(rows, every=100)
    assert [view.succeeded for view in watched.documents.views] == [130, 250]


async def test_it_stays_due_while_the_store_is_away() -> None:
    watched = Watched()
    await watched.count(5)
    watched.documents.is_away = True
    await watched.watch.refresh()
    assert watched.watch.is_due


async def test_a_document_that_is_about_to_be_final_is_left_alone() -> None:
    watched = Watched()
    await watched.count(5)
    watched.watch.settle()
    assert not watched.watch.is_due


async def test_a_lost_task_shows_when_its_document_is_written() -> None:
    watched = Watched()
    await watched.count(5)
    watched.documents.is_lost = True
    with pytest.raises(OwnershipLost):
        await watched.watch.refresh()
