"""What leaves for the apps: which rows, in which turn, and how many batches at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from kztasks.csvio import CsvError
from kztasks.domain.log import LogRecord
from kztasks.domain.outcome import Rules
from kztasks.domain.task import Task
from kztasks.errors import NotFound
from kztasks.scheduler.ahead import ReadAhead
from kztasks.scheduler.pause import within
from kztasks.scheduler.request import BatchRequest, Prepared, batch_request
from kztasks.scheduler.sending import Sender
from kztasks.scheduler.sizing import BatchSizer
from kztasks.scheduler.taking import TaskTurns
from kztasks.scheduler.waiting import Turn
from kztasks.settings import Settings

PAUSE_LOOK_S: Final = 1.0
"""How often a long pause looks whether it is still to be that long."""


class Departure(Enum):
    """Whether the batch that comes next was sent."""

    OUT = auto()
    NO_ROWS = auto()
    """The input is used up."""
    INTERRUPTED = auto()
    """The task is to stop, or to go on elsewhere."""


class Departures:
    """Sends the batches of one task, each in a turn.

    Args:
        task: whose they are; its owner's epoch goes with each of them.
        rules: of the task.
        turns: of the task.
        ahead: its rows.
        sizer: says how many rows a batch has.
        sender: what is out.
        settings: of the process.
        pause_s: asked before each batch for the pause after a row, in seconds.
        window: asked before each batch for how many may be out.
    """

    def __init__(
        self,
        task: Task,
        rules: Rules,
        turns: TaskTurns,
        ahead: ReadAhead,
        sizer: BatchSizer,
        sender: Sender,
        settings: Settings,
        *,
        pause_s: Callable[[], float],
        window: Callable[[], int],
    ) -> None:
        self._task = task
        self._rules = rules
        self._turns = turns
        self._ahead = ahead
        self._sizer = sizer
        self._sender = sender
        self._pause_s = pause_s
        self._window = window
        self._work_ms = settings.batch_work_ms
        self._max_data_bytes = settings.max_data_bytes
        self._rests_since = float("-inf")

    def rest(self) -> None:
        """A row has just been run: the pause begins."""
        self._rests_since = time.monotonic()

    async def send_next(self, head: LogRecord) -> Departure:
        """Send the rows that come next, once it is the task's turn.

        Args:
            head: the last record.

        Raises:
            CsvError: the input is at fault.
            NotFound: it is gone.
        """
        turn = await self._take_turn()
        if turn is None:
            return Departure.INTERRUPTED
        rows = self._sender.rows(self._rows())
        is_out = await self._send(turn, head, 0, rows)
        return Departure.OUT if is_out else Departure.NO_ROWS

    async def send_more(self, head: LogRecord) -> None:
        """Send later rows too, where the action allows it and nobody waits for a turn.

        An error of the input comes up again when its row is next.
        """
        sender = self._sender
        while sender.out < self._most_out() and not sender.interrupt.is_set():
            turn = self._turns.take_now()
            if turn is None:
                return
            try:
                if not await self._send(turn, head, sender.end, self._rows()):
                    return
            except (CsvError, NotFound):
                return

    async def read_ahead(self) -> None:
        """Read what is sent next, unless somebody else waits for a turn."""
        if not self._turns.is_contended(self._sender.next.turn):
            await self._ahead.prepare(self._sender.end, self._rows())

    async def _take_turn(self) -> Turn | None:
        """A turn for the next batch, when the pause is over; `None` if interrupted."""
        if self._pause_left() > 0:
            self._ahead.rest()
            await self._pause()
        if self._sender.interrupt.is_set():
            return None
        turn = self._turns.take_now()
        if turn is None:
            self._ahead.rest()
            turn = await self._turns.wait()
        if turn is not None and self._sender.interrupt.is_set():
            turn.give_back()
            return None
        return turn

    async def _send(self, turn: Turn, head: LogRecord, skip: int, rows: int) -> bool:
        """Send rows in a turn; gives it back, and says so, if there are none."""
        try:
            prepared = await self._ahead.take(skip, rows)
        except BaseException:
            turn.give_back()
            raise
        if prepared.count == 0:
            turn.give_back()
            return False
        self._sender.send(turn, self._request(head, prepared), prepared)
        return True

    def _request(self, head: LogRecord, prepared: Prepared) -> BatchRequest:
        epoch = self._task.owner.epoch if self._task.owner is not None else 1
        return batch_request(
            self._task, epoch, self._sender.seq(head.seq), head, prepared,
            rules=self._rules, pause_s=self._pause_s(), work_ms=self._work_ms,
            max_data_bytes=self._max_data_bytes, alone=self._sizer.is_searching,
        )  # fmt: skip

    def _rows(self) -> int:
        return self._sizer.rows(self._pause_s())

    def _most_out(self) -> int:
        return 1 if self._sizer.is_searching or self._pause_s() > 0 else self._window()

    def _pause_left(self) -> float:
        return self._rests_since + self._pause_s() - time.monotonic()

    async def _pause(self) -> None:
        """Keep the pause after a row, as long as it is set now, unless interrupted."""
        while (left := self._pause_left()) > 0:
            if await within(self._sender.interrupt, min(left, PAUSE_LOOK_S)):
                return
