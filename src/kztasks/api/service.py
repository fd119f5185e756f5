"""What can be done with tasks that exist. Each method takes the access that was granted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from kztasks.api.access import Access
from kztasks.api.audit import Auditor
from kztasks.api.deps import ApiDeps
from kztasks.api.limits.refusals import TooManyRunning
from kztasks.api.paging import Page, PageRequest, key_of
from kztasks.api.refusals import NoSuchFile, TaskRefused, UnknownTask, missing_file
from kztasks.domain.task import Task, downloads, public_json, stored_files
from kztasks.errors import NotFound
from kztasks.kazoo.messages import TaskJson
from kztasks.kazoo.operations import StartRefusal
from kztasks.store.interface import Download

_log = structlog.get_logger(__name__)

_TASK_ID: Final = re.compile(r"[0-9a-f]{30}")


@dataclass(frozen=True, slots=True)
class Csv:
    """A CSV of a task; `file_name` is the name under which a client may save it."""

    task_id: str
    name: str
    file_id: str
    sha256: str
    file_name: str


class TaskService:
    """Reads tasks from the store, and asks a scheduler for everything that changes them."""

    def __init__(self, deps: ApiDeps, audit: Auditor) -> None:
        self._store = deps.store
        self._scheduler = deps.scheduler
        self._audit = audit

    async def read(self, access: Access, task_id: str) -> Task:
        """A task of the target account.

        Raises:
            UnknownTask: the account has none with this id.
        """
        if _TASK_ID.fullmatch(task_id) is None:
            raise UnknownTask(task_id)
        task = await self._store.tasks.get(task_id, access.target.account_id)
        if task is None:
            raise UnknownTask(task_id)
        return task

    async def page(self, access: Access, request: PageRequest) -> Page:
        """Tasks of the target account, newest first."""
        tasks = await self._store.tasks.page(
            access.target.account_id,
            limit=request.size + 1,
            start=request.start,
            where=request.where,
        )
        following = key_of(tasks[request.size]) if len(tasks) > request.size else None
        return Page(tasks[: request.size], following)

    async def start(self, access: Access, task_id: str) -> TaskJson:
        """Have a pending task run; the task as it is then.

        Raises:
            UnknownTask: the account has none with this id.
            TaskRefused: it was started before.
            TooManyRunning: the account runs as many as it may.
            SchedulerUnavailable: nobody answers.
        """
        await self.read(access, task_id)
        answer = await self._scheduler.start(task_id)
        return await self._accepted(access, task_id, "task_started", answer)

    async def stop(self, access: Access, task_id: str) -> TaskJson:
        """Have an executing task stopped; returns and raises as `start` does."""
        await self.read(access, task_id)
        answer = await self._scheduler.stop(task_id)
        return await self._accepted(access, task_id, "task_stopped", answer)

    async def remove(self, access: Access, task_id: str) -> TaskJson:
        """Have a task deleted that does not execute; returns and raises as `start` does."""
        await self.read(access, task_id)
        answer = await self._scheduler.remove(task_id)
        return await self._accepted(access, task_id, "task_removed", answer)

    async def csv(self, access: Access, task_id: str, name: str) -> Csv:
        """Find `in.csv`, `out.csv` or another file of a task.

        Raises:
            UnknownTask: the account has no task with this id.
            NoSuchFile: the task has no such file, not yet, or not any more.
        """
        task = await self.read(access, task_id)
        file = stored_files(task).get(name)
        if file is None:
            raise missing_file(task, name)
        is_usual = name in {"in.csv", "out.csv"}
        file_name = f"{task.category}_{task.action}_{task.id}_{name}" if is_usual else name
        return Csv(task.id, name, file.file_id, file.sha256, file_name)

    async def open(self, csv: Csv, *, offset: int = 0) -> Download:
        """Read a CSV from a byte on.

        Raises:
            NoSuchFile: it is gone from the store.
        """
        try:
            return await self._store.files.download(csv.file_id, offset=offset)
        except NotFound:
            _log.error("file_missing", task_id=csv.task_id, file_id=csv.file_id)
            raise NoSuchFile(csv.task_id, csv.name) from None

    async def _accepted(
        self, access: Access, task_id: str, event: str, answer: TaskJson | StrEnum
    ) -> TaskJson:
        if not isinstance(answer, StrEnum):
            await self._audit.note(access, event, task_id=task_id)
            return answer
        await self._audit.note(access, event, task_id=task_id, outcome=answer.value)
        if answer == StartRefusal.TOO_MANY_TASKS:
            raise TooManyRunning
        if answer == StartRefusal.NOT_FOUND:  # the other operations have the same word
            raise UnknownTask(task_id)
        raise TaskRefused(task_id, answer)


def read_json(task: Task) -> dict[str, object]:
    """A task as Kazoo shows it to a reader: without the node, with the names of its CSVs."""
    shown = {key: value for key, value in public_json(task).items() if key != "node"}
    names = downloads(task)
    return {**shown, "csvs": names} if names else shown
