"""Where a task's rows come from, how long it rests after one, how many of its batches are out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kztasks.domain.log import LogRecord
from kztasks.domain.task import Task
from kztasks.scheduler.source import CallSource, CsvSource, Source, position_after
from kztasks.scheduler.tools import Tools
from tasks_bindings.wire.messages import Metadata

BATCHES_FOR_EACH: Final = 2
"""Batches for each instance of an app: one that runs, and one that comes next."""


def source_of(task: Task, head: LogRecord, tools: Tools) -> Source:
    """The rows of a task, from the one that follows `head`."""
    start = position_after(head)
    if task.input is None:
        return CallSource(start)
    max_bytes = tools.settings.batch_bytes
    return CsvSource(tools.store.files, task.input, start, max_bytes=max_bytes)


def pause_of(metadata: Metadata, tools: Tools) -> Callable[[], float]:
    """The pause after a row in seconds, as it is now: the action's own, or what is set for all."""

    def pause_s() -> float:
        own = metadata.wait_after_row_ms
        return (tools.run_time().wait_after_row_ms if own is None else own) / 1000

    return pause_s


def window_of(metadata: Metadata, task: Task, tools: Tools) -> Callable[[], int]:
    """How many batches may be out: enough for all live instances, if the action is stateless."""

    def window() -> int:
        if not metadata.stateless:
            return 1
        instances = tools.directory.instances_for(task.category, task.action)
        return min(tools.settings.batch_window, BATCHES_FOR_EACH * max(1, instances))

    return window
