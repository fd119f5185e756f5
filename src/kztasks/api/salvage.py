"""An `out.csv` that could not be stored: sent from the log of its task, the same bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kztasks.api.refusals import missing_file
from kztasks.domain.output import output_parts
from kztasks.domain.task import Task
from kztasks.errors import LogBroken
from kztasks.store.interface import LogStore


class OutputCutOff(RuntimeError):
    """The log broke while its output was being sent: it is too late to answer with an error."""


async def output_from_log(log: LogStore, task: Task) -> AsyncIterator[bytes]:
    """The bytes of a task's output, made while they are sent, in constant memory.

    A log that turns out to be broken on the way raises `OutputCutOff`, which ends the connection.

    Raises:
        NoSuchFile: the task has none that is in its log alone. Known before the first byte.
    """
    head = await log.head(task.id) if task.is_output_in_log else None
    if head is None or not head.is_end:
        raise missing_file(task, "out.csv")
    parts = output_parts(log.records(task.id), head)
    try:
        first = await anext(parts)
    except (LogBroken, StopAsyncIteration):
        raise missing_file(task, "out.csv") from None
    return _resumed(first, parts)


async def _resumed(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    try:
        async for part in parts:
            yield part
    except LogBroken as error:
        raise OutputCutOff(str(error)) from error
