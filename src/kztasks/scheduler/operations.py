"""Kazoo's four operations as this scheduler does them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.errors import SchedulerFull, TooManyTasks
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from kztasks.quota import TaskQuota
from kztasks.scheduler.owned import OwnedTasks
from kztasks.scheduler.stops import StopHints
from kztasks.store.interface import TaskStore
from tasks_bindings.crash_points import reached
from tasks_bindings.directory import Directory
from tasks_bindings.wire.messages import Help

STOP_REPLY_S: Final = 1.2
"""How long a stop waits for the final state; it has to be answered within 1.7 s."""
LOOK_S: Final = 0.1


class SchedulerOperations:
    """Look up, start, stop and remove; see `kztasks.kazoo.operations.Operations`.

    Args:
        tasks: task documents.
        owned: the tasks that run here.
        hints: tells other schedulers of a stop.
        directory: what the live apps serve.
        node_id: asked for the id under which this process owns tasks now.
        worker: this node's name for people.
        now: Gregorian seconds.
        may_begin: raises `Unavailable` while no further task is to be begun here.
        quota: of tasks that an account runs at the same time.
    """

    def __init__(
        self,
        tasks: TaskStore,
        owned: OwnedTasks,
        hints: StopHints,
        directory: Directory,
        *,
        node_id: Callable[[], str],
        worker: str,
        now: Callable[[], int],
        may_begin: Callable[[], None],
        quota: TaskQuota,
    ) -> None:
        self._tasks = tasks
        self._owned = owned
        self._hints = hints
        self._directory = directory
        self._node_id = node_id
        self._worker = worker
        self._now = now
        self._may_begin = may_begin
        self._quota = quota

    async def lookup(self, category: str | None, action: str | None) -> Help:
        """What the live apps serve."""
        return self._directory.help(category, action)

    async def start(self, task_id: str) -> Task | StartRefusal:
        """Claim a pending task and run it here.

        Raises:
            Unavailable: no further task is begun here at present.
        """
        self._may_begin()
        if not self._owned.room:
            raise SchedulerFull(f"{len(self._owned)} tasks run here already")
        task = await self._tasks.get(task_id)
        if task is None:
            return StartRefusal.NOT_FOUND
        if task.status is not TaskStatus.PENDING:
            return StartRefusal.ALREADY_STARTED
        try:
            await self._quota.permit(task.account_id)
        except TooManyTasks:
            return StartRefusal.TOO_MANY_TASKS
        reached("claim:asked")
        claimed = await self._tasks.claim(
            task_id, node=self._node_id(), worker=self._worker, now=self._now()
        )
        if claimed is not None:
            reached("claim:stored")
            self._owned.run(claimed, is_new=True)
            return claimed
        known = await self._tasks.get(task_id)
        return StartRefusal.NOT_FOUND if known is None else StartRefusal.ALREADY_STARTED

    async def stop(self, task_id: str) -> Task | StopRefusal:
        """Stop an executing task, whoever runs it; the task as far as it has ended by then."""
        reached("stop:asked")
        asked = await self._tasks.request_stop(task_id)
        reached("stop:stored")
        if asked is None:
            known = await self._tasks.get(task_id)
            return StopRefusal.NOT_FOUND if known is None else StopRefusal.NOT_RUNNING
        if task_id in self._owned:
            await self._owned.stop(task_id, STOP_REPLY_S)
        else:
            await self._hints.send(task_id)
            reached("stop:told")
            await self._wait_for_end(task_id)
        return await self._tasks.get(task_id) or asked

    async def _wait_for_end(self, task_id: str) -> None:
        """Look until a task that another scheduler runs is final, or the time is up."""
        deadline = time.monotonic() + STOP_REPLY_S
        while time.monotonic() < deadline:
            task = await self._tasks.get(task_id)
            if task is None or task.status.is_final:
                return
            await asyncio.sleep(LOOK_S)

    async def remove(self, task_id: str) -> Task | RemoveRefusal:
        """Delete a task that does not run, with its files and log."""
        deleted = await self._tasks.delete(task_id)
        if deleted is not None:
            return deleted
        known = await self._tasks.get(task_id)
        return RemoveRefusal.NOT_FOUND if known is None else RemoveRefusal.TASK_RUNNING
