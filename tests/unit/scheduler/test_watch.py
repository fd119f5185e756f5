"""The document of a running task never looks frozen."""

from __future__ import annotations

import asyncio
from typing import Any

from kztasks.domain.task import Owner, Task
from kztasks.scheduler.watch import TaskWatch


class Documents:
    """Notes when the document is written."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.written = asyncio.Event()

    async def refresh(self, _task_id: str, **_view: Any) -> Task:
        self.written.set()
        return self._task


async def test_it_is_written_every_two_seconds_at_least_while_nothing_happens() -> None:
    owner = Owner("n", 1)
    task = Task(
        id="t", account_id="a", auth_account_id="a", category="c", action="a", created=1,
        modified=1, owner=owner,
    )  # fmt: skip
    documents: Any = Documents(task)
    watching = asyncio.create_task(TaskWatch(task, "n", documents, lambda: None).run())
    async with asyncio.timeout(2):
        await documents.written.wait()
    watching.cancel()
