"""One task from claim to final status, as far as this scheduler owns it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from structlog.contextvars import bound_contextvars

from kztasks.domain.header import OutputHeader
from kztasks.domain.log import ROOT_SHA, EndCause, LogRecord, RecordKind, seal
from kztasks.domain.outcome import Rules
from kztasks.domain.task import Task
from kztasks.errors import Invalid, KztasksError, LogBroken
from kztasks.patience import patiently
from kztasks.scheduler.calls import Callbacks
from kztasks.scheduler.commit import commit
from kztasks.scheduler.finish import Finisher
from kztasks.scheduler.noted_log import NotedLog
from kztasks.scheduler.pacing import pause_of, source_of, window_of
from kztasks.scheduler.rows import RowLoop
from kztasks.scheduler.taking import TaskTurns
from kztasks.scheduler.tools import Tools
from kztasks.scheduler.waiting import Turn
from kztasks.scheduler.watch import TaskWatch
from tasks_bindings.crash_points import reached
from tasks_bindings.wire.messages import Metadata, OnCrash

_log = structlog.get_logger(__name__)

UNSERVED: Final = Metadata(description="no app serves this action")


class GivenBack(KztasksError):
    """The task was left after its last record, for another scheduler to go on with."""

    code = "given_back"


class TaskRunner:
    """Runs one task that this node owns.

    Args:
        task: as claimed; its owner is this node.
        node: id of this scheduler process.
        tools: shared by all tasks.
        is_rescue: whether it was taken from a dead scheduler.
        is_new: whether it has just been claimed. Its log is not looked for then; if there were one
            all the same, its records would be adopted.
    """

    def __init__(
        self,
        task: Task,
        node: str,
        tools: Tools,
        *,
        is_rescue: bool = False,
        is_new: bool = False,
    ) -> None:
        self.task: Final = task
        self._is_new = is_new
        self._tools = tools
        self._log = NotedLog(tools.store.log, tools.metrics, tools.room, is_rescue=is_rescue)
        self.epoch: Final = task.owner.epoch if task.owner is not None else 1
        self._turns = TaskTurns(tools.gate, task)
        self._callbacks = Callbacks(task, self._turns, tools.bindings, tools.directory)
        self.watch: Final = TaskWatch(task, node, tools.store.tasks, self._waiting_for)
        self._stop_asked = task.stop_requested
        self._is_leaving = False
        self._loop: RowLoop | None = None

    def stop(self) -> None:
        """End the task after the row that is being run."""
        self._stop_asked = True
        self._callbacks.stop()
        if self._loop is not None:
            self._loop.stop()
        self._turns.interrupt()

    def leave(self) -> None:
        """Give the task back after the row that is being run, or finish it if all are."""
        self._is_leaving = True
        if self._loop is not None:
            self._loop.leave()
        self._turns.interrupt()

    @property
    def is_waiting(self) -> bool:
        """Whether a batch that is out waits for something that may be long in coming."""
        return self._loop is not None and self._loop.waiting_for is not None

    async def run(self) -> None:
        """Run until the task is final.

        Raises:
            OwnershipLost: another scheduler has the task now; it goes on there.
            GivenBack: it is to go on elsewhere.
        """
        task = self.task
        with bound_contextvars(
            task_id=task.id,
            account_id=task.account_id,
            category=task.category,
            action=task.action,
            epoch=self.epoch,
        ):
            try:
                await self._work()
            finally:
                self._turns.close()
                self._end_loop()
                self._log.close()

    async def _work(self) -> None:
        try:
            head = await patiently(self._open)
            if not head.is_end:
                head = await self._run_rows(head)
        except LogBroken as error:
            _log.exception("log_broken")
            head = self._broken(str(error))
        reached("finish:begun")
        finisher = Finisher(self.task, self._callbacks, self._log, self._tools)
        ending = await finisher.prepare(head)
        self.watch.settle()
        await finisher.complete(ending, head)

    async def _open(self) -> LogRecord:
        """The head of the task's log; begins the log if there is none."""
        log, file = self._log, self.task.input
        head = None if self._is_new else await log.head(self.task.id)
        self._must_have_what_was_told(head)
        if head is not None:
            _log.info("task_resumed", row=head.row, batch=head.seq)
            reached("begin:resumed")
            return head
        reached("begin:asked")
        header = await self._ask_for_header()
        reached("begin:answered")
        begin = LogRecord(
            task_id=self.task.id,
            seq=0,
            epoch=self.epoch,
            kind=RecordKind.BEGIN,
            offset=file.body_offset if file is not None else 0,
            line=file.body_line if file is not None else 1,
            row=0,
            data=None,
            failed=0,
            succeeded=0,
            header=header,
            cause=EndCause.STOPPED if self._stop_asked else None,
        )
        _log.info("task_started", total_rows=self.task.total_rows)
        begun = await commit(log, seal(begin, ROOT_SHA))
        reached("begin:stored")
        return begun

    def _must_have_what_was_told(self, head: LogRecord | None) -> None:
        """Run no row again that people were told is done.

        The document is written after the log, so that it is ahead only of a log that has lost
        records: a part of the store was brought back from an older copy, or deleted.

        Raises:
            LogBroken: it is ahead.
        """
        told = (self.task.failed or 0, self.task.succeeded or 0)
        has = (head.failed, head.succeeded) if head is not None else (0, 0)
        if told[0] > has[0] or told[1] > has[1]:
            raise LogBroken(
                f"the log of the task has {sum(has)} rows, its document {sum(told)}: "
                "records are lost"
            )

    def _broken(self, reason: str) -> LogRecord:
        """Stands for the end of a log that cannot be read; it is in no log and fits none."""
        return LogRecord(
            task_id=self.task.id,
            seq=0,
            epoch=self.epoch,
            kind=RecordKind.END,
            offset=0,
            line=0,
            row=0,
            data=None,
            failed=self.task.failed or 0,
            succeeded=self.task.succeeded or 0,
            cause=EndCause.FAULT,
            reason=reason,
        )

    async def _ask_for_header(self) -> OutputHeader:
        """The output header, asked for in a turn that is kept for the first batch."""
        turn = await self._wait_for_app()
        metadata = self._tools.directory.metadata(self.task.category, self.task.action)
        try:
            header = await self._callbacks.output_header(metadata, turn)
        except BaseException:
            if turn is not None:
                turn.give_back()
            raise
        if turn is not None:
            self._turns.keep(turn)
        return header

    async def _wait_for_app(self) -> Turn | None:
        """A turn at an app that serves the action; `None` if the task is to stop.

        Raises:
            GivenBack: the task is to go on elsewhere.
        """
        turn = None
        if not self._stop_asked and not self._is_leaving:
            turn = await self._turns.take()
        if self._is_leaving and not self._stop_asked:
            if turn is not None:
                turn.give_back()
            raise GivenBack
        return turn

    async def _metadata(self) -> Metadata:
        """The action's metadata; waits until an app serves it, or the task is to stop."""
        category, action = self.task.category, self.task.action
        found = self._tools.directory.metadata(category, action)
        if found is None:
            turn = await self._wait_for_app()
            found = self._tools.directory.metadata(category, action)
            if turn is not None:
                self._turns.keep(turn)
        return found or UNSERVED

    async def _run_rows(self, head: LogRecord) -> LogRecord:
        """Batch after batch, each committed while the next one runs; the end record.

        A record that a rival committed first is adopted, and what was built on ours thrown away.
        """
        loop = await self._row_loop(head)
        committing: asyncio.Task[LogRecord] | None = None
        try:
            while committing is not None or not head.is_end:
                record = head if head.is_end else await loop.next_record(head)
                if committing is not None:
                    committed, committing = await committing, None
                    if committed.sha != head.sha:
                        head = committed
                        loop = await self._row_loop(head)
                        continue
                if record is head and self._is_leaving and not head.is_end:
                    raise GivenBack
                if record is not head:
                    reached("batch:built")
                    fault = loop.fault_after(head)
                    head = record
                    committing = asyncio.create_task(self._commit(record, fault))
        finally:
            if committing is not None:
                committing.cancel()
        reached("end:stored")
        await loop.release_file()
        self._end_loop()
        return head

    async def _commit(self, record: LogRecord, fault: Callable[[str], LogRecord]) -> LogRecord:
        """Commit a record, or in its place an end that says why it can never be stored."""
        log = self._log
        try:
            committed = await commit(log, record)
        except Invalid as error:
            _log.exception("record_refused", batch=record.seq)
            committed = await commit(log, fault(str(error)))
        every = self._tools.run_time().send_progress_after_processed
        await self.watch.committed(committed, every=every)
        return committed

    async def _row_loop(self, head: LogRecord) -> RowLoop:
        metadata = UNSERVED if head.cause is not None else await self._metadata()
        columns = self.task.input.columns if self.task.input is not None else None
        header = await patiently(self._header)
        self._end_loop()
        self._loop = RowLoop(
            self.task,
            Rules(header, columns, ends_on_crash=metadata.on_crash is OnCrash.STOP),
            source_of(self.task, head, self._tools),
            self._turns,
            self._tools,
            pause_s=pause_of(metadata, self._tools),
            window=window_of(metadata, self.task, self._tools),
        )
        if self._stop_asked:
            self._loop.stop()
        if self._is_leaving:
            self._loop.leave()
        return self._loop

    async def _header(self) -> OutputHeader:
        begin = await anext(aiter(self._log.records(self.task.id)), None)
        if begin is None or begin.header is None:
            raise LogBroken("the log does not begin with a header")
        return begin.header

    def _end_loop(self) -> None:
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def _waiting_for(self) -> str | None:
        """What the task waits for, for people."""
        at_an_app = self._loop.waiting_for if self._loop is not None else None
        return self._log.waiting_for or at_an_app or self._turns.waiting_for
