"""The batches of one task that are out: sent, answered in the order of their rows, or interrupted.

There is one, unless the action is stateless. Then more may be out, for rows further on; their
replies wait here until all rows before theirs are behind.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
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
from kztasks.scheduler.waiting import Turn
from tasks_bindings.errors import BindingsError
from tasks_bindings.wire.messages import BatchReply

_log = structlog.get_logger(__name__)

STOP_PATIENCE_S: Final = 5.0
"""How long a stop waits for the batch that runs, before it ends the task without it."""


@dataclass(slots=True, eq=False)
class Flight:
    """A batch that is out.

    Attributes:
        request: what was sent.
        prepared: its rows.
        turn: given back as soon as there is an answer.
        tries: counts how often it was sent.
        skip: rows between the last one that is behind and its first one.
        waiting_for: what it waits for, for people.
    """

    request: BatchRequest
    prepared: Prepared
    turn: Turn
    tries: Tries
    skip: int
    waiting_for: str | None = None
    sending: asyncio.Task[BatchReply] = field(init=False)

    def wait_for(self, what: str | None) -> None:
        """Note what it waits for."""
        self.waiting_for = what

    def reply(self) -> BatchReply:
        """What came back.

        Raises:
            BatchLost, BusError: there will be no answer; `not_answered` says what comes next.
            BatchPoisoned, BatchRejected, OwnershipLost, MessageTooLarge: as `Exchange.run`.
        """
        return self.sending.result()


@dataclass(frozen=True, slots=True)
class _Again:
    """A batch that was sent in vain: the same rows come next, under the same number."""

    seq: int
    rows: int
    tries: Tries


class Sender:
    """Sends the batches of one task.

    Args:
        exchange: the way to the apps.
        ahead: its rows.
    """

    def __init__(self, exchange: Exchange, ahead: ReadAhead) -> None:
        self._exchange = exchange
        self._ahead = ahead
        self._flights: list[Flight] = []
        self._again: _Again | None = None
        self._awaited: str | None = None
        self._is_ending = False
        self.interrupt: Final = asyncio.Event()
        """Nothing is begun any more."""
        self.is_stopped = False

    @property
    def waiting_for(self) -> str | None:
        """What a batch that is out, or should be, waits for.

        During an alarm of the broker neither it nor its answer gets through.
        """
        at_an_app = self._flights[0].waiting_for if self._flights else None
        is_out = bool(self._flights or self._again)
        blocked = BLOCKED_BROKER if is_out and self._exchange.is_blocked else None
        return self._awaited or at_an_app or blocked

    @property
    def out(self) -> int:
        """How many batches are out."""
        return len(self._flights)

    @property
    def next(self) -> Flight:
        """The one with the rows that come next; there has to be one."""
        return self._flights[0]

    @property
    def is_next_out(self) -> bool:
        """Whether the rows that come next are out."""
        return bool(self._flights) and self._flights[0].skip == 0

    @property
    def end(self) -> int:
        """How many rows come before those that were never out."""
        return self._flights[-1].skip + self._flights[-1].prepared.count if self._flights else 0

    def stop(self) -> None:
        """End what is out after its present row; wait for it for a while only."""
        self.is_stopped = True
        self.interrupt.set()

    def leave(self) -> None:
        """End what is out after its present row."""
        self.interrupt.set()

    def rows(self, wanted: int) -> int:
        """How many rows the next batch has: the same again, or what lies before those out."""
        if self._again is not None:
            return self._again.rows
        return min(wanted, self._flights[0].skip) if self._flights else wanted

    def seq(self, head_seq: int) -> int:
        """Number of the next batch: that of the record which it will become, as it looks now."""
        if self._again is not None:
            return self._again.seq
        return max(head_seq, *(one.request.seq for one in self._flights), 0) + 1

    def start_anew(self) -> None:
        """The next batch is another one; nothing that was read comes next."""
        self._again = None
        self._ahead.discard()

    def send(self, turn: Turn, request: BatchRequest, prepared: Prepared) -> None:
        """Send a batch: of the rows that come next, or of those behind all that are out.

        Args:
            turn: given back as soon as there is an answer.
            request: the batch.
            prepared: its rows.
        """
        tries, place = Tries(prepared.count), len(self._flights)
        if prepared.skip == 0:
            place = 0
            if self._again is not None:
                tries, self._again = self._again.tries, None
        flight = Flight(request, prepared, turn, tries, prepared.skip)
        flight.sending = asyncio.create_task(self._answered(flight))
        self._flights.insert(place, flight)

    async def next_answered(self) -> Flight | None:
        """The batch with the rows that come next, once it has its answer, or will have none.

        `None` if the task was stopped and it takes too long.
        """
        flight = self.next
        interrupted = asyncio.ensure_future(self.interrupt.wait())
        try:
            await asyncio.wait({flight.sending, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if not flight.sending.done():
                await self._end_last()
                patience_s = STOP_PATIENCE_S if self.is_stopped else None
                await asyncio.wait({flight.sending}, timeout=patience_s)
        finally:
            interrupted.cancel()
        if not flight.sending.done():
            return None
        self._flights.pop(0)
        return flight

    def advance(self, count: int) -> None:
        """So many rows are behind."""
        for flight in self._flights:
            flight.skip -= count

    async def end_all(self) -> None:
        """End each batch that is out after its present row; no answer is waited for."""
        for flight in self._flights:
            await self._exchange.cancel(flight.request)
        self.close()

    def close(self) -> None:
        """No answer is wanted any more."""
        for flight in self._flights:
            flight.turn.give_back()
            if not flight.sending.cancel() and not flight.sending.cancelled():
                flight.sending.exception()  # known, and of no interest any more
        self._flights.clear()

    async def not_answered(self, flight: Flight, error: Exception) -> None:
        """Wait until the same batch may be sent again.

        The turn is given back, unless its app is out of reach: then it would be of no use to
        others either, and they would all try in vain.

        Raises:
            BatchRejected: it is not to be sent again.
        """
        turn, tries, count = flight.turn, flight.tries, flight.prepared.count
        _log.warning("batch_not_answered", app=turn.app, attempt=tries.attempts, why=str(error))
        self._count(count, error)
        self._again = _Again(flight.request.seq, count, tries)
        backoff_s = tries.failed(error)
        self._ahead.put_back(flight.prepared)
        self._awaited = cause_of(error)
        try:
            if is_out_of_reach(error):
                await until(self.interrupt, self._exchange.can_be_reached(backoff_s))
            else:
                self._ahead.rest()
                await within(self.interrupt, backoff_s)
        finally:
            turn.give_back()
            self._awaited = None

    async def _answered(self, flight: Flight) -> BatchReply:
        turn = flight.turn
        try:
            reply = await self._exchange.run(
                turn.app, flight.request, flight.tries, flight.wait_for
            )
        except Exception as error:
            if not is_out_of_reach(error):
                turn.give_back()
            raise
        turn.give_back()
        return reply

    async def _end_last(self) -> None:
        """End the last batch that is out after its present row.

        Those before it run to their end: rows of the last one have run already, perhaps.
        """
        if not self._is_ending:
            self._is_ending = True
            await self._exchange.cancel(self._flights[-1].request)

    def _count(self, rows: int, error: Exception) -> None:
        metrics = self._exchange.metrics
        code = error.code if isinstance(error, KztasksError | BindingsError) else "unknown"
        metrics.resent.labels(code).inc()
        if may_have_run(error):
            metrics.rerun_rows.inc(rows)
