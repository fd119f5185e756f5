"""Store an `out.csv` after all whose upload was given up when its task ended: from the log."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from uuid import uuid4

import structlog

from kztasks.domain.log import LogRecord
from kztasks.domain.output import output_parts, status_of
from kztasks.domain.task import OutputFile, Task
from kztasks.errors import Conflict, KztasksError, LogBroken
from kztasks.store.aftermath import Redelivery
from kztasks.store.interface import Store

_log = structlog.get_logger(__name__)

_HOOK_NOTES: Final = re.compile(r"(?:finish|cleanup) crashed: \w+")


async def end_of(store: Store, task: Task) -> LogRecord:
    """The end record of a task whose only copy of its output is its log.

    Raises:
        Conflict: the task has not ended, its output is stored, or its log is not kept any more.
        LogBroken: the log has no end.
    """
    if not task.is_output_in_log:
        raise Conflict(f"the output of task {task.id} is not in its log alone")
    head = await store.log.head(task.id)
    if head is None or not head.is_end:
        raise LogBroken(f"the log of task {task.id} has no end")
    return head


async def redeliver(store: Store, task: Task) -> OutputFile:
    """Upload the output from the log, and make the task's document say so.

    Two of these at once do no harm: one of the files is kept.

    Raises:
        Conflict: there is nothing to store, or somebody else has changed the task meanwhile.
        LogBroken: the log has lost a record, or one was changed.
        StoreUnavailable: the store does not take it; to be tried again.
    """
    head = await end_of(store, task)
    file = await _upload(store, head)
    status, doubt = status_of(head, task.total_rows)
    notes = _HOOK_NOTES.findall(task.reason or "")
    told = [one for one in (head.reason, doubt, *notes) if one]
    to = Redelivery(output=file, status=status, reason="; ".join(told) or None)
    epoch = task.owner.epoch if task.owner is not None else 1
    if not await store.aftermath.redeliver(task.id, epoch=epoch, to=to):
        await _withdraw(store, file)
        raise Conflict(f"task {task.id} was changed by somebody else meanwhile")
    _log.info("output_redelivered", task_id=task.id, size=file.size, status=status.value)
    return file


async def _upload(store: Store, head: LogRecord) -> OutputFile:
    file_id = f"{head.task_id}/out.csv/{uuid4().hex}"
    digest, size = hashlib.sha256(), 0
    async with store.files.upload(file_id, "out.csv") as target:
        async for part in output_parts(store.log.records(head.task_id), head):
            digest.update(part)
            size += len(part)
            await target.write(part)
        await target.commit()
    return OutputFile(file_id=file_id, size=size, sha256=digest.hexdigest())


async def _withdraw(store: Store, file: OutputFile) -> None:
    try:
        await store.files.delete(file.file_id)
    except KztasksError as error:
        _log.warning("orphan_output", file_id=file.file_id, why=str(error))
