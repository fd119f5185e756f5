"""Requests to answers of an app: batches, calls, dry runs. Knows messages, not the bus."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import orjson
import structlog
from structlog.contextvars import bound_contextvars

from tasks_bindings.errors import BindingsError, ExecutionError, MessageTooLarge
from tasks_bindings.invoke import fold_responders, map_responders, sendable
from tasks_bindings.sdk.app import App
from tasks_bindings.sdk.batch import BatchRun
from tasks_bindings.sdk.data import dump_data
from tasks_bindings.sdk.firing import TriggerCalls
from tasks_bindings.sdk.overdue import STUCK_GRACE_S, Overdue
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.sdk.replies import Answer, Key, Replies, key_of
from tasks_bindings.sdk.served import Served
from tasks_bindings.sdk.turns import Turns
from tasks_bindings.sdk.verification import VerifyRun
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import (
    AppIdentity,
    Batch,
    Call,
    CallReply,
    CallResult,
    Cancel,
    Fault,
    Progress,
)
from tasks_bindings.wire.verification import Verify

_log = structlog.get_logger(__name__)

PROGRESS_INTERVAL_S: Final = 2.0
WANTED_S: Final = 0.1
"""So long a batch waits at most until it is known whether its requester is there still."""
MAX_TASKS_SEEN: Final = 10_000

SendProgress = Callable[[Progress], Awaitable[None]]
"""Sends a sign of life; raises `RequestRefused` when nobody is there to get it."""


class Dispatcher:
    """Runs what is asked of one instance of an app.

    Args:
        app: what is run.
        identity: of the instance.
        stuck_grace_s: seconds that a handler may still take after its row's time-out.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        app: App,
        identity: AppIdentity,
        *,
        stuck_grace_s: float = STUCK_GRACE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = identity
        self._responders = app.responders()
        self._served = Served(app)
        self._triggers = TriggerCalls(app.trigger_handlers())
        self._replies = Replies()
        self.overdue: Final = Overdue(stuck_grace_s, clock)
        self._turns = Turns()
        self._epochs: OrderedDict[str, int] = OrderedDict()

    @property
    def running(self) -> int:
        """Batches that are being run."""
        return len(self.overdue.runs)

    @asynccontextmanager
    async def turn(self, batch: Batch, send_progress: SendProgress) -> AsyncIterator[None]:
        """A batch's turn to run; held until its reply is with the broker.

        Otherwise the next batch could kill the process before the reply has left it. A batch whose
        requester is gone before it begins is not run: whoever has the task now asks for it anew.

        Args:
            batch: what is to be run.
            send_progress: called at once and then every few seconds, also while the batch waits.

        Raises:
            RequestRefused: `send_progress` did; nobody waits for the batch.
        """
        telling = asyncio.ensure_future(send_progress(self._progress(batch)))
        began = asyncio.Event()
        reporter = asyncio.create_task(self._report(batch, send_progress, telling, began))
        try:
            await asyncio.wait({telling}, timeout=WANTED_S)
            if telling.done() and isinstance(refused := telling.exception(), RequestRefused):
                raise refused
            async with self._turns.take(alone=batch.alone):
                if batch.alone:
                    await send_progress(self._progress(batch, alone=True))
                began.set()
                yield
        finally:
            reporter.cancel()

    async def batch(self, batch: Batch, *, redelivered: bool = False) -> bytes:
        """Run a batch, or answer it again; the encoded reply. To be called in its `turn`.

        Args:
            batch: what to run.
            redelivered: whether the broker has given it to a process before.

        Raises:
            RequestRefused: the app does not serve the action, or has seen a later owner of the
                task, or the batch's `Data` is none of the action's.
        """
        with bound_contextvars(
            task_id=batch.task_id,
            account_id=batch.account_id,
            category=batch.category,
            action=batch.action,
            batch=batch.seq,
        ):
            self._check_epoch(batch)
            answer = await self._answer(batch, redelivered=redelivered)
        reply = {
            "v": codec.VERSION,
            "task_id": batch.task_id,
            "epoch": batch.epoch,
            "seq": batch.seq,
            "attempt": batch.attempt,
            "hash": batch.hash,
            "app": self._identity.model_dump(),
            "returns": orjson.Fragment(answer.returns),
            "data": answer.data,
            "elapsed_ms": answer.elapsed_ms,
        }
        if answer.fault is not None:
            reply["fault"] = answer.fault.model_dump()
        try:
            return codec.encode_plain(reply)
        except MessageTooLarge as error:
            raise RequestRefused(
                error.code, f"what the rows returned is too large: {error}"
            ) from None

    def cancel(self, cancel: Cancel) -> None:
        """End the batch of this task that runs here, if one does, after its present row."""
        for run in self.overdue.runs:
            batch = run.batch
            same = (batch.task_id, batch.seq) == (cancel.task_id, cancel.seq)
            if same and batch.epoch <= cancel.epoch:
                run.cancel.set()

    async def close(self, drain_s: float) -> bool:
        """Wait for what goes on in the background, `drain_s` seconds at most; whether it ended."""
        return await self._triggers.close(drain_s)

    async def call(self, call: Call, *, redelivered: bool = False) -> bytes:
        """Call the responders bound to a key; the encoded reply.

        Args:
            call: the key, and what they are called with.
            redelivered: whether the broker has given it to a process before.

        Raises:
            RequestRefused: what they returned is too large for a message, or a trigger's function
                was not called, or has taken too long; or another version of the app has what is
                asked for, perhaps, but this one has not.
        """
        self._served.check(call)
        with self.overdue.call():
            if self._triggers.has(call.key):
                results = await self._triggers.fire(call, redelivered=redelivered)
            else:
                results = await self._map_or_fold(call)
        reply = CallReply(app=self._identity, results=tuple(map(sendable, results)))
        try:
            return codec.encode(reply)
        except MessageTooLarge as error:
            raise RequestRefused(error.code, f"the answer is too large: {error}") from None

    async def _map_or_fold(self, call: Call) -> list[CallResult]:
        responders = list(self._responders.responders(call.key))
        if call.fold and call.args:
            return [CallResult(value=await fold_responders(responders, tuple(call.args)))]
        return await map_responders(responders, tuple(call.args))

    async def verify(self, request: Verify, *, redelivered: bool = False) -> bytes:
        """Say which rows would fail before their handler is called; the encoded reply.

        Args:
            request: the rows.
            redelivered: whether the broker has given it to a process before.

        Raises:
            RequestRefused: the app does not serve the action, or a process has ended over these
                rows. Whoever asks decides about another one; the broker would go on.
        """
        if redelivered:
            raise RequestRefused("interrupted", "a process ended while it verified these rows")
        category, action = self._served.action(request.category, request.action)
        async with self._turns.take(alone=False):
            reply = await VerifyRun(request, action, category).execute(self._identity)
        return codec.encode(reply)

    def _check_epoch(self, batch: Batch) -> None:
        seen = self._epochs.get(batch.task_id, 0)
        if batch.epoch < seen:
            raise RequestRefused("stale_epoch", f"epoch {seen} of this task was here already")
        self._epochs[batch.task_id] = batch.epoch
        self._epochs.move_to_end(batch.task_id)
        if len(self._epochs) > MAX_TASKS_SEEN:
            self._epochs.popitem(last=False)

    async def _answer(self, batch: Batch, *, redelivered: bool) -> Answer:
        key = key_of(batch)
        while True:
            known = self._replies.find(key)
            if known is not None and known.fits(batch):
                _log.info("batch_answered_again", attempt=batch.attempt)
                return known
            running = self._replies.running.get(key)
            if running is None:
                work = self._run_once(key, batch, redelivered=redelivered)
                return await asyncio.shield(self._replies.begun(key, work))
            _log.info("batch_joined", attempt=batch.attempt)
            answer = await asyncio.shield(running)
            if answer.fits(batch):
                return answer

    async def _run_once(self, key: Key, batch: Batch, *, redelivered: bool) -> Answer:
        """Run a batch; at its end its answer is known, unless it is an empty one.

        All in one step, and whoever waits for it: there is no moment in which the same request is
        neither joined nor answered from memory.
        """
        answer = None
        try:
            answer = await self._run(batch, redelivered=redelivered)
        finally:
            self._replies.ended(key, answer)
        return answer

    async def _run(self, batch: Batch, *, redelivered: bool) -> Answer:
        category, action = self._served.action(batch.category, batch.action)
        try:
            run = BatchRun(batch, action, category, redelivered=redelivered)
        except ExecutionError as error:
            raise RequestRefused(error.code, str(error)) from None
        self.overdue.begun(run, action)
        try:
            result = await run.execute()
        except asyncio.CancelledError:
            self.overdue.check(run)
            raise
        finally:
            self.overdue.ended(run)
        worked_ms = result.worked_s * 1000
        try:
            data = dump_data(action, result.data, limit=batch.max_data_bytes)
        except ExecutionError as error:
            fault = Fault(code=error.code, message=str(error)[:2000])
            return Answer(run.encode(), None, worked_ms, result.done, fault)
        return Answer(run.encode(), data, worked_ms, result.done)

    async def _report(
        self,
        batch: Batch,
        send_progress: SendProgress,
        telling: asyncio.Future[None],
        began: asyncio.Event,
    ) -> None:
        with suppress(BindingsError):  # the reply, or its absence, tells the scheduler
            await telling
        while True:
            await asyncio.sleep(PROGRESS_INTERVAL_S)
            with suppress(BindingsError):  # as above
                await send_progress(self._progress(batch, waits=not began.is_set()))

    def _progress(self, batch: Batch, *, alone: bool = False, waits: bool = False) -> Progress:
        running = (run for run in self.overdue.runs if key_of(run.batch) == key_of(batch))
        return Progress(
            task_id=batch.task_id,
            epoch=batch.epoch,
            seq=batch.seq,
            attempt=batch.attempt,
            app=self._identity,
            done=next((run.run.done for run in running), 0),
            direct=True,
            alone=alone,
            waits=waits,
        )
