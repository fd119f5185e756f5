"""Run one batch: rows one by one, top to bottom, `Data` handed from one to the next.

Verifiers run first, per row; the handler is not called for a row that one of them refuses. What a
return means is not decided here: the loop stops only where the task must end or was told to.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from tasks_bindings.crash_points import reached
from tasks_bindings.errors import BadReturn
from tasks_bindings.invoke import CRASHES, crash_report, is_cancelled
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.category import Category
from tasks_bindings.sdk.context import Context
from tasks_bindings.sdk.data import load_data
from tasks_bindings.sdk.encoding import MAX_REPLY_BYTES, Encoder
from tasks_bindings.sdk.guard import Guard
from tasks_bindings.sdk.returns import KEEP, STOP, Step, to_step
from tasks_bindings.wire.messages import Batch, OnCrash
from tasks_bindings.wire.returns import Return

_log = structlog.get_logger(__name__)

MAX_LOOP_HOLD_S: Final = 0.01
"""How long async handlers that never wait may keep the event loop from others."""


class Cancel:
    """Ends a batch after its present row, whether that runs in a thread or on the loop."""

    def __init__(self) -> None:
        self._thread = threading.Event()
        self._loop = asyncio.Event()
        self.is_set = False
        """Whether the batch is to end; each row looks at it."""

    def set(self) -> None:
        """End the batch. To be called on the event loop."""
        self.is_set = True
        self._thread.set()
        self._loop.set()

    def pause(self, seconds: float) -> float:
        """Sleep in a thread; ends early when set. Returns the seconds slept."""
        started = time.monotonic()
        self._thread.wait(seconds)
        return time.monotonic() - started

    async def pause_async(self, seconds: float) -> float:
        """Sleep on the loop; ends early when set. Returns the seconds slept."""
        started = time.monotonic()
        with suppress(TimeoutError):  # `wait_for` of Python 3.11 may swallow a cancel
            async with asyncio.timeout(seconds):
                await self._loop.wait()
        return time.monotonic() - started


@dataclass(slots=True)
class Run:
    """The state of a running batch; `returns` grows row by row and is what progress tells."""

    data: Any
    returns: list[Return] = field(default_factory=list)
    worked_s: float = 0.0
    ended: bool = False
    crashes: int = 0

    @property
    def done(self) -> int:
        """Rows that were run so far."""
        return len(self.returns)


class BatchRun:
    """One run of one batch on one action.

    Args:
        batch: what to run.
        action: what to run it on.
        category: the action's category, for its verifiers.
        redelivered: whether the broker has given the batch to a process before.

    Raises:
        BadReturn: the batch's `Data` does not fit the action's type.
    """

    def __init__(
        self, batch: Batch, action: Action, category: Category, *, redelivered: bool = False
    ) -> None:
        self.batch: Final = batch
        self.cancel: Final = Cancel()
        self.run: Final = Run(load_data(action, batch.data))
        self._action = action
        self._guard = Guard.of(action, category, batch.columns or ())
        self._pause_s = batch.pause_ms / 1000
        self._width = batch.width
        self._encoder = Encoder(self.run.returns)
        self._maybe_repeated = redelivered or batch.attempt > 1 or batch.epoch > 1
        self._stop_on_crash = action.metadata.on_crash is OnCrash.STOP
        self._deadline = 0.0
        self._paused_s = 0.0

    async def execute(self) -> Run:
        """Run the batch; sync handlers off the event loop, in one thread for the whole batch."""
        started = time.monotonic()
        self._deadline = started + self.batch.work_ms / 1000
        if self._action.is_async:
            await self._execute_async()
        else:
            await asyncio.to_thread(self._execute_sync)
        self._weigh()
        self.run.worked_s = time.monotonic() - started - self._paused_s
        return self.run

    def encode(self) -> bytes:
        """What the rows returned, as a JSON array."""
        return self._encoder.finish()

    def _execute_sync(self) -> None:
        handler, paused = self._action.handler, False
        for arguments in self._calls():
            if self._pause_s and paused:
                self._paused(self.cancel.pause(self._pause_s))
                if self.cancel.is_set:
                    return
            paused = True
            reached("app:row_begun")
            try:
                value = handler(*arguments)
                if value.__class__ is not Step:
                    if inspect.isawaitable(value):
                        value = asyncio.run(_awaited(value))
                    value = to_step(value)
                self._take(value)
            except (*CRASHES, asyncio.CancelledError) as error:  # nobody cancels a thread
                self._crashed(error)

    async def _execute_async(self) -> None:
        handler, paused = self._action.handler, False
        yielded = time.monotonic()
        for arguments in self._calls():
            if self._pause_s and paused:
                self._paused(await self.cancel.pause_async(self._pause_s))
                if self.cancel.is_set:
                    return
            elif time.monotonic() - yielded > MAX_LOOP_HOLD_S:
                await asyncio.sleep(0)
                yielded = time.monotonic()
            paused = True
            reached("app:row_begun")
            try:
                self._take(to_step(await handler(*arguments)))
            except asyncio.CancelledError as error:
                if is_cancelled():
                    raise
                self._crashed(error)
            except CRASHES as error:
                self._crashed(error)

    def _calls(self) -> Iterator[tuple[Any, ...]]:
        """What each call is given; settles rows that get no call and ends where the batch does."""
        batch, run = self.batch, self.run
        about = (
            batch.account_id,
            batch.auth_account_id,
            batch.task_id,
            batch.category,
            batch.action,
        )
        repeated, guard = self._maybe_repeated, self._guard
        make_context = Context._make
        if batch.rows is None:
            for number in range(batch.first_row, batch.first_row + (batch.calls or 1)):
                if self._is_over():
                    return
                yield make_context((*about, number, repeated)), run.data
            return
        for number, cells in enumerate(batch.rows, batch.first_row):
            if self._is_over():
                return
            if bad := guard.bad_fields(cells):
                run.returns.append({"bad_fields": [one.column for one in bad]})
                continue
            args = dict(zip(guard.columns, cells, strict=True))
            if guard.absent:
                args.update(guard.absent)
            yield make_context((*about, number, repeated)), run.data, args

    def _take(self, step: Step) -> None:
        reached("app:row_run")
        run, wire, data = self.run, step.wire, step.data
        if step.is_loose and not self._action.takes_loose_data:
            data = KEEP
        if data is STOP:
            wire = {**wire, "next": "stop"}
            run.ended = True
        elif data is not KEEP:
            if self._action.metadata.stateless:
                raise BadReturn("the action is stateless, so its handler hands on no Data")
            wire = {**wire, "next": "data"}
            run.data = data
        if "stop" in wire or "file" in wire or (self._width and self._is_misfit(wire)):
            run.ended = True
        run.returns.append(wire)
        if "rows" in wire or self._encoder.is_due:
            self._weigh()

    def _is_misfit(self, wire: Return) -> bool:
        """Whether a row does not fit the output header, after which nothing more is run."""
        rows = wire.get("rows") or ([wire["row"]] if "row" in wire else [])
        return rows != [[]] and not all(
            isinstance(row, dict) or (isinstance(row, list) and len(row) == self._width)
            for row in rows
        )

    def _weigh(self) -> None:
        """See how large the reply has become, and whether all of it can be sent."""
        if crashes := self._encoder.catch_up():
            self.run.crashes += crashes
            self.run.ended |= self._stop_on_crash

    def _crashed(self, error: BaseException) -> None:
        batch = self.batch
        _log.exception(
            "handler_crashed",
            task_id=batch.task_id,
            category=batch.category,
            action=batch.action,
            row=batch.first_row + self.run.done,
        )
        self.run.crashes += 1
        self.run.returns.append({"crash": crash_report(error).model_dump()})
        self.run.ended = self._stop_on_crash

    def _paused(self, seconds: float) -> None:
        self._paused_s += seconds

    def _is_over(self) -> bool:
        run = self.run
        if run.ended:
            return True
        return bool(run.returns) and (
            self.cancel.is_set
            or time.monotonic() >= self._deadline
            or self._encoder.size >= MAX_REPLY_BYTES
        )


async def _awaited(value: Any) -> Any:
    return await value
