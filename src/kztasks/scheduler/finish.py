"""The end of a task: finish hook, output, final status, cleanup hook.

All of it may be done again from the start by whoever takes the task over; the final status is set
once, and only when `out.csv` can be downloaded or its upload was given up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from kztasks.domain.log import LogRecord
from kztasks.domain.output import status_of
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile, Task
from kztasks.errors import LogBroken, OwnershipLost, Unavailable
from kztasks.patience import patiently
from kztasks.scheduler.calls import Callbacks
from kztasks.scheduler.output import Scratch, assemble, keep, local_path, scratch, upload
from kztasks.scheduler.tools import Tools
from kztasks.store.interface import Ending, LogStore
from tasks_bindings.crash_points import reached

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The stored output, or why there is none."""

    file: OutputFile | None
    problem: str | None = None


class Finisher:
    """Ends one task.

    Args:
        task: whose owner is this scheduler.
        callbacks: its hooks.
        log: its log.
        tools: shared by all tasks.
    """

    def __init__(self, task: Task, callbacks: Callbacks, log: LogStore, tools: Tools) -> None:
        self._task: Final = task
        self._callbacks = callbacks
        self._log = log
        self._tools = tools

    async def prepare(self, head: LogRecord) -> Ending:
        """Everything that comes before the final status.

        Args:
            head: the end record of the task's log.
        """
        note = await self._callbacks.finish(head)
        reached("finish:called")
        delivered = await self._deliver(head)
        self._tools.metrics.outputs_given_up.inc(delivered.problem is not None)
        status, doubt = status_of(head, self._task.total_rows)
        return Ending(
            status=TaskStatus.INTERNAL_ERROR if delivered.problem is not None else status,
            ended_at=self._tools.now(),
            failed=head.failed,
            succeeded=head.succeeded,
            output=delivered.file,
            attached=head.attached,
            reason=_joined(head.reason, doubt, delivered.problem, note),
            is_cleanup_due=self._callbacks.has_cleanup,
        )

    async def complete(self, ending: Ending, head: LogRecord) -> None:
        """Set the final status, then call the cleanup hook.

        Raises:
            OwnershipLost: another scheduler was first.
        """
        epoch = self._task.owner.epoch if self._task.owner is not None else 1
        tasks = self._tools.store.tasks
        reached("final:asked")
        if not await patiently(lambda: tasks.finish(self._task.id, epoch=epoch, ending=ending)):
            await self._withdraw(ending)
            raise OwnershipLost("the task was finished, or taken over, by another scheduler")
        _log.info(
            "task_finished",
            status=ending.status.value,
            rows=head.row,
            failed=head.failed,
            succeeded=head.succeeded,
            reason=ending.reason,
        )
        reached("final:stored")
        if ending.is_cleanup_due:
            await self._clean_up(ending, head)

    async def _clean_up(self, ending: Ending, head: LogRecord) -> None:
        note = await self._callbacks.cleanup(head)
        reached("cleanup:called")
        reason = _joined(ending.reason, note) if note is not None else None
        try:
            await self._tools.store.aftermath.cleaned(self._task.id, reason=reason)
            reached("cleanup:stored")
        except Unavailable as error:
            _log.warning("cleanup_not_noted", why=str(error))  # it is called again by and by

    async def _withdraw(self, ending: Ending) -> None:
        """Remove an output that no document will ever point to."""
        if ending.output is None:
            return
        try:
            await self._tools.store.files.delete(ending.output.file_id)
        except Unavailable as error:
            _log.warning("orphan_output", file_id=ending.output.file_id, why=str(error))

    async def _deliver(self, head: LogRecord) -> Delivered:
        try:
            async with scratch(self._tools.settings.output_folder, self._task.id) as place:
                return await self._deliver_by(place, head)
        except (LogBroken, OSError) as error:
            _log.exception("output_not_assembled")
            return Delivered(None, f"out.csv could not be put together: {error}")

    async def _deliver_by(self, place: Scratch, head: LogRecord) -> Delivered:
        store, metrics = self._tools.store, self._tools.metrics
        reached("output:asked")
        local = await patiently(lambda: assemble(self._log, head, place))
        reached("output:assembled")
        file = await upload(
            store.files,
            local,
            self._task.id,
            self._tools.run_time,
            look=lambda: store.log.head(head.task_id),
            failed=metrics.failed_uploads.inc,
        )
        if file is not None:
            return Delivered(file)
        kept = local_path(self._tools.settings.output_folder, self._task.id)
        await keep(local, kept)
        return Delivered(None, f"out.csv could not be uploaded; it is kept in {kept}")


def _joined(*reasons: str | None) -> str | None:
    return "; ".join(one for one in reasons if one is not None) or None
