"""Make the task of a schedule's moment: a copy of the input, then the document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from kztasks.domain.gregorian import from_unix
from kztasks.domain.schedule import Schedule, ScheduleRun
from kztasks.domain.task import InputFile, Task
from kztasks.store.interface import Store

COPY_BYTES: Final = 1024 * 1024
INPUT_NAME: Final = "in.csv"


class TaskMaker:
    """Makes pending tasks.

    Args:
        store: where they are put.
        permit: permits an account one more; raises `TooManyTasks`.
    """

    def __init__(self, store: Store, permit: Callable[[str], Awaitable[None]]) -> None:
        self._store = store
        self._permit = permit

    async def make(self, schedule: Schedule, run: ScheduleRun, *, now: int) -> None:
        """Make the task of a run, or leave the one that is there already.

        Args:
            schedule: what to make.
            run: says its id.
            now: Unix seconds.

        Raises:
            NotFound: the schedule's input is gone.
            TooManyTasks: the account has as many as it may have.
            Unavailable: the store does not answer; making it again does no harm.
        """
        if await self._store.tasks.get(run.task_id) is not None:
            return
        await self._permit(schedule.account_id)
        file = schedule.input
        if file is not None:
            # An epoch's own file: an earlier owner may be writing still.
            file = await self._copy(file, f"{run.task_id}.{run.epoch}.{INPUT_NAME}")
        at = from_unix(now)
        task = Task(
            id=run.task_id,
            account_id=schedule.account_id,
            auth_account_id=schedule.auth_account_id,
            category=schedule.category,
            action=schedule.action,
            created=at,
            modified=at,
            file_name=schedule.file_name,
            total_rows=schedule.total_rows,
            input=file,
        )
        await self._store.tasks.insert(task)

    async def _copy(self, file: InputFile, file_id: str) -> InputFile:
        download = await self._store.files.download(file.file_id)
        async with self._store.files.upload(file_id, INPUT_NAME) as upload:
            while part := await download.read(COPY_BYTES):
                await upload.write(part)
            await upload.commit()
        return replace(file, file_id=file_id)
