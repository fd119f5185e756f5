"""The loop over a task's rows: one batch after another, each built on the record before it.

While batch n runs, n+1 is read and encoded; while n is being committed, n+1 runs. Of a stateless
action several run at once; each is committed when all rows before it are. If it turns out that a
rival committed n first, everything built on ours is thrown away and the rival's is adopted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import structlog
from structlog.contextvars import bound_contextvars

from kztasks.csvio import CsvError
from kztasks.domain.batch import BatchOutcome, settle
from kztasks.domain.log import EndCause, LogRecord
from kztasks.domain.outcome import End, Rules
from kztasks.domain.task import AttachedFile, Task
from kztasks.errors import NotFound
from kztasks.scheduler.ahead import ReadAhead
from kztasks.scheduler.answers import BatchLost, BatchPoisoned, BatchRejected, fault_of
from kztasks.scheduler.attach import FileRefused
from kztasks.scheduler.departures import Departure, Departures
from kztasks.scheduler.pause import within
from kztasks.scheduler.records import Ran, batch_record, end_record
from kztasks.scheduler.request import Prepared
from kztasks.scheduler.sending import Flight, Sender
from kztasks.scheduler.sizing import FIRST_ROWS, BatchSizer
from kztasks.scheduler.source import Source
from kztasks.scheduler.taking import TaskTurns
from kztasks.scheduler.tools import Tools
from tasks_bindings.errors import BusError, MessageTooLarge
from tasks_bindings.wire.messages import BatchReply

_log = structlog.get_logger(__name__)

EMPTY_REPLY_PAUSE_S: Final = 0.2
DEATHS_THAT_PROVE: Final = 2
"""So many processes must have died while they ran a batch alone, before it gets the blame."""
MOST_UNPROVEN: Final = 20
"""So often a batch may be dead without a proof: the app may never say that it runs one alone."""


class RowLoop:
    """Turns the head of a log into the next record, by running a batch or ending the task.

    Args:
        task: the task; its owner's epoch goes into every record.
        rules: that give its returns their meaning.
        source: its rows.
        turns: a batch is read and sent when it is the task's turn.
        tools: shared by all tasks.
        pause_s: asked before each batch for the pause after a row, in seconds.
        window: asked before each batch for how many may be out.
    """

    def __init__(
        self,
        task: Task,
        rules: Rules,
        source: Source,
        turns: TaskTurns,
        tools: Tools,
        *,
        pause_s: Callable[[], float],
        window: Callable[[], int],
    ) -> None:
        settings = tools.settings
        self._task = task
        self._rules = rules
        self._ahead = ReadAhead(source, tools.memory)
        self._sender = Sender(tools.exchange, self._ahead)
        self._attacher = tools.attacher
        self._paces = tools.paces
        # The owner before may have had a batch out; whoever ran it answers one that is no shorter.
        is_first = self._epoch == 1
        self._sizer = BatchSizer(
            target_s=settings.batch_target_ms / 1000,
            max_rows=settings.batch_rows,
            first_rows=FIRST_ROWS if is_first else settings.batch_rows,
            row_s=tools.paces.known(task.category, task.action) if is_first else None,
        )
        self._departures = Departures(
            task, rules, turns, self._ahead, self._sizer, self._sender, settings,
            pause_s=pause_s, window=window,
        )  # fmt: skip
        self._max_data_bytes = settings.max_data_bytes
        self._unproven = 0
        self._fetched: tuple[str, str] | None = None

    def stop(self) -> None:
        """End the task after the row that is being run."""
        self._sender.stop()

    def leave(self) -> None:
        """Run no row after the present one; the task goes on elsewhere."""
        self._sender.leave()

    @property
    def waiting_for(self) -> str | None:
        """What a batch that is out, or should be, waits for."""
        return self._sender.waiting_for

    def close(self) -> None:
        """No further record is wanted."""
        self._sender.close()
        self._ahead.close()

    async def next_record(self, head: LogRecord) -> LogRecord:
        """The record that follows `head`: a batch that was run, or the end.

        `head` itself comes back where nothing was run, and the next attempt will differ or `leave`
        was called.

        Raises:
            OwnershipLost: an app has seen a later owner of the task.
        """
        if head.cause is not None:
            await self._sender.end_all()
            return self._end(head, head.cause, head.reason)
        if self._ahead.is_used_up and not self._sender.is_stopped:
            return self._end(head, EndCause.COMPLETED)
        departure = Departure.OUT
        try:
            if not self._sender.is_next_out:
                departure = await self._departures.send_next(head)
        except (CsvError, NotFound) as error:
            return self._end(head, EndCause.FAULT, f"in.csv: {error}")
        match departure:
            case Departure.NO_ROWS:
                return self._end(head, EndCause.COMPLETED)
            case Departure.INTERRUPTED:
                return self._end(head, EndCause.STOPPED) if self._sender.is_stopped else head
            case Departure.OUT:
                await self._departures.send_more(head)
        with bound_contextvars(batch=head.seq + 1):
            return await self._answered(head)

    def fault_after(self, head: LogRecord) -> Callable[[str], LogRecord]:
        """Makes the end that comes after `head` when the task cannot go on, of a reason."""
        return partial(self._end, head, EndCause.FAULT)

    async def _answered(self, head: LogRecord) -> LogRecord:
        """The record of the batch that comes next, once it is answered."""
        reading = asyncio.ensure_future(self._departures.read_ahead())
        try:
            flight = await self._sender.next_answered()
            if flight is not None:
                await reading
        finally:
            reading.cancel()
        if flight is None:
            _log.warning("batch_abandoned", why="the task was stopped")
            return self._end(head, EndCause.STOPPED)
        try:
            return await self._record_of(head, flight)
        except BatchPoisoned as error:
            return self._poisoned(head, flight.prepared, error)
        except (BatchRejected, MessageTooLarge) as error:
            return self._rejected(head, flight.prepared, error)

    async def _record_of(self, head: LogRecord, flight: Flight) -> LogRecord:
        try:
            reply = flight.reply()
        except (BatchLost, BusError) as error:
            await self._sender.not_answered(flight, error)
            return head
        if not reply.returns:  # cancelled before its first row, or an app that is not well
            await self._run_again()
            return head
        return await self._ran(head, flight.prepared, reply, flight.tries.attempts)

    async def _run_again(self) -> None:
        """The same rows come next; not at once, as they may go to an app that is not well."""
        await within(self._sender.interrupt, EMPTY_REPLY_PAUSE_S)

    async def _ran(
        self, head: LogRecord, prepared: Prepared, reply: BatchReply, attempts: int
    ) -> LogRecord:
        """The record of a batch that was answered."""
        outcome = settle(reply.returns, self._rules, prepared.rows)
        if (fault := fault_of(reply, self._max_data_bytes)) is not None:
            reply = reply.model_copy(update={"data": head.data})
            outcome = replace(outcome, end=End.FAULT, reason=fault, file=None)
        if outcome.file is None:
            return self._record(head, outcome, reply, attempts)
        return await self._record_with_file(head, outcome, reply, attempts, outcome.file)

    async def _record_with_file(
        self, head: LogRecord, outcome: BatchOutcome, reply: BatchReply, attempts: int, path: str
    ) -> LogRecord:
        """Store a file that the batch ended with before anything of the batch is committed."""
        try:
            attached = await self._attacher.attach(self._task.id, reply.app.instance, path)
        except BatchLost as error:
            _log.warning("file_lost", why=str(error))
            await self._run_again()
            return head
        except FileRefused as error:
            outcome = replace(outcome, end=End.FAULT, reason=str(error))
            return self._record(head, outcome, reply, attempts)
        self._fetched = (reply.app.instance, path)
        return self._record(head, outcome, reply, attempts, attached)

    async def release_file(self) -> None:
        """Let the app delete a file that was fetched; once its record is committed, not before."""
        if self._fetched is not None:
            await self._attacher.release(*self._fetched)

    def _record(
        self,
        head: LogRecord,
        outcome: BatchOutcome,
        reply: BatchReply,
        attempts: int,
        attached: AttachedFile | None = None,
    ) -> LogRecord:
        self._unproven = 0
        self._sizer.learn(rows=len(reply.returns), worked_s=reply.elapsed_ms / 1000)
        if self._sizer.row_s is not None:
            self._paces.note(self._task.category, self._task.action, self._sizer.row_s)
        self._departures.rest()
        app = f"{reply.app.name}/{reply.app.version}/{reply.app.instance}"
        ran = Ran(data=reply.data, app=app, attempts=attempts, attached=attached)
        return self._build(head, outcome, ran)

    def _poisoned(self, head: LogRecord, prepared: Prepared, error: BatchPoisoned) -> LogRecord:
        """Halve a batch that kills its apps; a single row is given the blame.

        Only if it ran alone when they died: a batch that was in the same process as the culprit is
        tried again.
        """
        _log.error("batch_poisoned", rows=prepared.count, ran_alone=error.ran_alone)
        self._sender.start_anew()
        is_guilty = error.ran_alone >= DEATHS_THAT_PROVE
        self._unproven = 0 if is_guilty else self._unproven + 1
        if self._unproven > MOST_UNPROVEN:
            return self._end(head, EndCause.FAULT, str(error))
        if prepared.count > 1 or not is_guilty:
            if is_guilty or not self._sizer.is_searching:
                self._sizer.suspect(prepared.count)
            return head
        self._sizer.cleared(1)
        crash = {"crash": {"type": "ProcessDied", "message": str(error)}}
        outcome = settle([crash], self._rules, prepared.rows)
        return self._build(head, outcome, Ran(data=head.data))

    def _rejected(self, head: LogRecord, prepared: Prepared, error: Exception) -> LogRecord:
        """A batch that does not fit into a message is made smaller; any other refusal is final."""
        self._sender.start_anew()
        if isinstance(error, MessageTooLarge) and prepared.count > 1:
            self._sizer.halve(prepared.count)
            return head
        return self._end(head, EndCause.FAULT, str(error))

    def _build(self, head: LogRecord, outcome: BatchOutcome, ran: Ran) -> LogRecord:
        position = self._ahead.advance(outcome.processed)
        self._sender.advance(outcome.processed)
        if self._sizer.is_searching:
            self._ahead.discard()
        return batch_record(head, self._epoch, outcome, position, ran)

    def _end(self, head: LogRecord, cause: EndCause, reason: str | None = None) -> LogRecord:
        return end_record(head, self._epoch, cause, reason)

    @property
    def _epoch(self) -> int:
        return self._task.owner.epoch if self._task.owner is not None else 1
