"""The tasks that this scheduler owns and runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from kztasks.domain.task import Task
from kztasks.errors import OwnershipLost, Unavailable
from kztasks.scheduler.runner import GivenBack, TaskRunner
from kztasks.scheduler.tools import Tools
from tasks_bindings.crash_points import reached

_log = structlog.get_logger(__name__)

RELEASED_AT_ONCE: Final = 20


class OwnedTasks:
    """Runs tasks, each in a task of the event loop, and gives them back.

    Args:
        tools: what runners need.
        node_id: asked for the id under which this process owns tasks now.
    """

    def __init__(self, tools: Tools, node_id: Callable[[], str]) -> None:
        self._tools = tools
        self._node_id = node_id
        self._running: dict[str, tuple[TaskRunner, asyncio.Task[None]]] = {}
        self._unreleased: list[Task] = []

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._running

    @property
    def room(self) -> int:
        """How many more tasks may run here."""
        return max(0, self._tools.settings.node_executing_tasks - len(self._running))

    def run(self, task: Task, *, is_rescue: bool = False, is_new: bool = False) -> None:
        """Run a task that was claimed or taken over; nothing if that is done already.

        Args:
            task: as it is now.
            is_rescue: whether it was taken from a dead scheduler.
            is_new: whether it has just been claimed, so that nothing of it was run yet.
        """
        if task.id in self._running and self._running[task.id][0].task.owner == task.owner:
            return
        runner = TaskRunner(task, self._node_id(), self._tools, is_rescue=is_rescue, is_new=is_new)
        run = asyncio.create_task(self._supervise(runner), name=f"task {task.id}")
        self._running[task.id] = (runner, run)
        run.add_done_callback(lambda _: self._forget(task.id, run))

    def _forget(self, task_id: str, run: asyncio.Task[None]) -> None:
        if task_id in self._running and self._running[task_id][1] is run:
            del self._running[task_id]

    def snapshot(self) -> list[TaskRunner]:
        """Who runs now."""
        return [runner for runner, _ in self._running.values()]

    def let_go(self, runner: TaskRunner, why: str) -> None:
        """Run a task no further that somebody else owns."""
        task_id = runner.task.id
        known, run = self._running.get(task_id, (None, None))
        if known is runner and run is not None:
            _log.warning("task_let_go", task_id=task_id, why=why)
            run.cancel()

    async def stop(self, task_id: str, timeout: float) -> None:
        """Stop a task if it runs here, and wait `timeout` seconds at most until it has ended."""
        if task_id in self._running:
            runner, run = self._running[task_id]
            runner.stop()
            await asyncio.wait({run}, timeout=timeout)

    def drop_all(self) -> None:
        """Run none of them any further; somebody else owns them."""
        for _, run in self._running.values():
            run.cancel()

    async def give_back_all(self, drain_s: float) -> int:
        """Stop running and let any scheduler take them at once; how many they were.

        Args:
            drain_s: seconds that rows which are being run, and uploads, get to end.
        """
        runs = list(self._running.values())
        for runner, run in runs:
            if runner.is_waiting:
                run.cancel()
            else:
                runner.leave()
        if runs:
            await asyncio.wait({run for _, run in runs}, timeout=drain_s)
        for _, run in runs:
            run.cancel()
        await asyncio.gather(*(run for _, run in runs), return_exceptions=True)
        cut_off = [runner.task for runner, run in runs if run.cancelled()]
        for first in range(0, len(cut_off), RELEASED_AT_ONCE):
            some = cut_off[first : first + RELEASED_AT_ONCE]
            await asyncio.gather(*map(self._release, some))
        return len(runs)

    async def release_again(self) -> None:
        """Give back what the store did not take back; else nobody would run it."""
        waiting, self._unreleased = self._unreleased, []
        for task in waiting:
            await self._release(task)

    async def _supervise(self, runner: TaskRunner) -> None:
        try:
            await runner.run()
        except OwnershipLost as error:
            _log.warning("task_let_go", task_id=runner.task.id, why=str(error))
        except GivenBack:
            await self._release(runner.task)
        except Exception:  # noqa: BLE001  (not even a defect may leave the task without anybody)
            _log.exception("task_run_failed", task_id=runner.task.id)
            await self._release(runner.task)

    async def _release(self, task: Task) -> None:
        if task.owner is None:
            return
        reached("release:asked")
        try:
            await self._tools.store.tasks.release(
                task.id, node=self._node_id(), epoch=task.owner.epoch
            )
            reached("release:stored")
        except Unavailable as error:
            _log.warning("task_not_released", task_id=task.id, why=str(error))
            self._unreleased.append(task)
