"""Handlers that do not return, long after whoever asked for their row has given it up.

A coroutine is cancelled. A thread cannot be ended: the process that has one is stuck. A batch that
is to run alone would wait for its turn for ever. So such a process takes itself out of service
(`tasks_bindings.sdk.process`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from tasks_bindings.bus.interface import Subscription
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.batch import BatchRun
from tasks_bindings.sdk.refusal import RequestRefused

_log = structlog.get_logger(__name__)

STUCK_GRACE_S: Final = 60.0
"""So long after its time-out a row's handler may still return."""
LOOK_S: Final = 1.0
DRAIN_LOOK_S: Final = 0.1
CANCEL_S: Final = 5.0
"""A cancelled coroutine has so long to end."""


@dataclass(slots=True)
class _Going:
    """A batch that runs, and since when its present row does."""

    run: BatchRun
    action: Action
    work: asyncio.Task[Any] | None
    since: float
    done: int = 0
    cancelled_at: float | None = None
    is_stuck: bool = False

    @property
    def about(self) -> dict[str, object]:
        """For the log."""
        batch = self.run.batch
        return {
            "task_id": batch.task_id,
            "category": batch.category,
            "action": batch.action,
            "row": batch.first_row + self.done,
            "handler": self.handler,
        }

    @property
    def handler(self) -> str:
        """Where the handler is in the code."""
        handler = self.action.handler
        name = getattr(handler, "__qualname__", repr(handler))
        return f"{getattr(handler, '__module__', '?')}.{name}"


class Overdue:
    """Watches what runs.

    Args:
        grace_s: seconds beyond the row's time-out that its requester has set.
        clock: seconds that never go back.
    """

    def __init__(
        self, grace_s: float = STUCK_GRACE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._grace_s = grace_s
        self._clock = clock
        self._going: dict[BatchRun, _Going] = {}
        self._calls = 0
        self._rows_ended = 0
        self._crashes_ended = 0
        self.is_stuck: Final = asyncio.Event()
        """Set when a handler can neither be waited for nor ended."""

    @property
    def stuck(self) -> list[str]:
        """Which handlers do not return; a sentence for each."""
        now = self._clock()
        return [
            f"{one.handler} has not returned from row {one.run.batch.first_row + one.done} of task "
            f"{one.run.batch.task_id} ({one.run.batch.category}.{one.run.batch.action}) for "
            f"{now - one.since:.0f} s"
            for one in self._going.values()
            if one.is_stuck
        ]

    @property
    def runs(self) -> Collection[BatchRun]:
        """All that run."""
        return self._going.keys()

    @property
    def rows_run(self) -> int:
        """Rows that were run since the start, also by batches that run still."""
        return self._rows_ended + sum(one.run.done for one in self._going)

    @property
    def crashes(self) -> int:
        """How many of these rows crashed."""
        return self._crashes_ended + sum(one.run.crashes for one in self._going)

    @property
    def is_all(self) -> bool:
        """Whether something is stuck, and nothing else runs."""
        stuck = [one.is_stuck for one in self._going.values()]
        return bool(stuck) and all(stuck) and not self._calls

    @contextmanager
    def call(self) -> Iterator[None]:
        """Something else than a batch runs meanwhile; it has its own time."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def begun(self, run: BatchRun, action: Action) -> None:
        """A batch runs in the present task."""
        self._going[run] = _Going(run, action, asyncio.current_task(), self._clock())

    def ended(self, run: BatchRun) -> None:
        """It does not run any more."""
        del self._going[run]
        self._rows_ended += run.run.done
        self._crashes_ended += run.run.crashes

    def check(self, run: BatchRun) -> None:
        """Tell a cancel that came from here from all others.

        Raises:
            RequestRefused: the run was cancelled as its row took too long.
        """
        one = self._going[run]
        if one.cancelled_at is not None and one.work is not None:
            one.work.uncancel()
            about = f"row {run.batch.first_row + one.done} was cancelled after its time-out"
            raise RequestRefused("row_timeout", about)

    async def drain(self, work: Subscription, drain_s: float) -> bool:
        """Wait for what runs, not for what is stuck alone; whether all of it has ended.

        What has not, and what waits for its turn, is for another process.
        """
        draining = asyncio.ensure_future(work.drain(drain_s))
        while not draining.done() and not self.is_all:
            await asyncio.wait({draining}, timeout=DRAIN_LOOK_S)
        if draining.done():
            return draining.result()
        draining.cancel()
        await asyncio.wait({draining})
        return False

    async def watch(self) -> None:
        """Look at what runs, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """See which rows are overdue, and do something about them."""
        now = self._clock()
        for one in list(self._going.values()):
            if one.run.run.done != one.done:
                one.done, one.since, one.is_stuck = one.run.run.done, now, False
            timeout_ms = one.run.batch.row_timeout_ms
            if timeout_ms is not None and now - one.since > timeout_ms / 1000 + self._grace_s:
                self._end(one, now)

    def _end(self, one: _Going, now: float) -> None:
        if one.is_stuck:
            return
        one.run.cancel.set()
        if one.action.is_async and one.work is not None:
            if one.cancelled_at is None:
                _log.error("row_cancelled", **one.about)
                one.cancelled_at = now
                one.work.cancel()
            if now - one.cancelled_at <= CANCEL_S:
                return
        _log.critical("handler_stuck", **one.about)
        one.is_stuck = True
        self.is_stuck.set()
