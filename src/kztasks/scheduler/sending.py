"""Get a batch answered, in another turn where an attempt was in vain, unless interrupted."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from kztasks.errors import KztasksError
from kztasks.scheduler.ahead import ReadAhead
from kztasks.scheduler.exchange import (
    BLOCKED_BROKER,
    Exchange,
    Tries,
    cause_of,
    is_out_of_reach,
    may_have_run,
)
from kztasks.scheduler.pause import until, within
from kztasks.scheduler.request import BatchRequest, Prepared
from kztasks.scheduler.taking import TaskTurns
from kztasks.scheduler.waiting import Turn
from tasks_bindings.errors import BindingsError
from tasks_bindings.wire.messages import BatchReply

_log = structlog.get_logger(__name__)

STOP_PATIENCE_S: Final = 5.0
"""How long a stop waits for the batch that runs, before it ends the task without it."""


class Sender:
    """Sends the batches of one task, one after another.

    Args:
        exchange: the way to the apps.
        turns: of the task.
        ahead: its rows.
    """

    def __init__(self, exchange: Exchange, turns: TaskTurns, ahead: ReadAhead) -> None:
        self._exchange = exchange
        self._turns = turns
        self._ahead = ahead
        self._tries: Tries | None = None
        self.interrupt: Final = asyncio.Event()
        """Nothing is begun any more."""
        self.is_stopped = False
        self._awaited: str | None = None

    @property
    def waiting_for(self) -> str | None:
        """What a batch that is out, or should be, waits for.

        During an alarm of the broker neither it nor its answer gets through.
        """
        is_out = self._tries is not None
        blocked = BLOCKED_BROKER if is_out and self._exchange.is_blocked else None
        return self._awaited or blocked

    def stop(self) -> None:
        """End what is out after its present row; wait for it for a while only."""
        self.is_stopped = True
        self.interrupt.set()

    def leave(self) -> None:
        """End what is out after its present row."""
        self.interrupt.set()

    def rows_again(self) -> int | None:
        """How many rows the batch has that is to be sent again; `None` if none is."""
        return self._tries.rows if self._tries is not None else None

    def start_anew(self) -> None:
        """The next batch is another one; nothing that was read comes next."""
        self._tries = None
        self._ahead.discard()

    async def reply(
        self, turn: Turn, request: BatchRequest, prepared: Prepared, rows_ahead: int
    ) -> tuple[BatchReply, int] | None:
        """Send a batch, and read ahead meanwhile if nobody else waits.

        Args:
            turn: given back as soon as there is an answer.
            request: the batch.
            prepared: its rows.
            rows_ahead: how many to read ahead.

        Returns:
            The reply and the number of attempts; `None` if the task was stopped and it took too
            long.

        Raises:
            BatchLost, BusError: there will be no answer; `not_answered` says what comes next.
            BatchPoisoned, BatchRejected, OwnershipLost, MessageTooLarge: as `Exchange.run`.
        """
        tries = self._tries = self._tries or Tries(prepared.count)
        sending = asyncio.ensure_future(
            self._exchange.run(turn.app, request, tries, self._wait_for)
        )
        preparing: asyncio.Future[None] | None = None
        if not self._turns.is_contended(turn):
            preparing = asyncio.ensure_future(self._ahead.prepare(prepared.count, rows_ahead))
        interrupted = asyncio.ensure_future(self.interrupt.wait())
        try:
            await asyncio.wait({sending, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                await self._exchange.cancel(request)
                patience_s = STOP_PATIENCE_S if self.is_stopped else None
                await asyncio.wait({sending}, timeout=patience_s)
            if not sending.done():
                return None
            reply = sending.result()
            turn.give_back()
            if preparing is not None:
                await preparing
        finally:
            for one in (sending, preparing, interrupted):
                if one is not None:
                    one.cancel()
        self._tries = None
        return reply, tries.attempts

    async def not_answered(self, turn: Turn, prepared: Prepared, error: Exception) -> None:
        """Wait until the same batch may be sent again.

        The turn is given back, unless its app is out of reach: then it would be of no use to
        others either, and they would all try in vain.

        Raises:
            BatchRejected: it is not to be sent again.
        """
        tries = self._tries or Tries(prepared.count)
        _log.warning("batch_not_answered", app=turn.app, attempt=tries.attempts, why=str(error))
        self._count(prepared, error)
        backoff_s = tries.failed(error)
        self._ahead.put_back(prepared)
        self._wait_for(cause_of(error))
        if is_out_of_reach(error):
            await until(self.interrupt, self._exchange.can_be_reached(backoff_s))
        else:
            turn.give_back()
            self._ahead.rest()
            await within(self.interrupt, backoff_s)
        self._wait_for(None)

    def _count(self, prepared: Prepared, error: Exception) -> None:
        metrics = self._exchange.metrics
        code = error.code if isinstance(error, KztasksError | BindingsError) else "unknown"
        metrics.resent.labels(code).inc()
        if may_have_run(error):
            metrics.rerun_rows.inc(prepared.count)

    def _wait_for(self, what: str | None) -> None:
        self._awaited = what
