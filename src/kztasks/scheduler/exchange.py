"""Send one batch to an app and get its reply, or learn that none will come.

A batch is sent as often as it takes, each time in a turn of its task; the commit that follows
decides which answer counts. What is known at once (the broker has no such queue, the session is
gone) is not waited for; what is not shows by silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from kztasks.scheduler.answers import (
    BatchFailed,
    BatchLost,
    BatchNotSent,
    BatchRejected,
    progress_of,
    reply_of,
)
from kztasks.scheduler.metrics import SchedulerMetrics
from kztasks.scheduler.request import BatchRequest
from tasks_bindings.bus import Bus, Call, Message
from tasks_bindings.crash_points import reached
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery
from tasks_bindings.errors import (
    BusError,
    BusUnavailable,
    NoHandler,
    PublishTimeout,
    ReplyTimeout,
    Unroutable,
)
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import APPS_CANCEL, action_key, instance_key
from tasks_bindings.wire.messages import BatchReply, Cancel, MessageType, Progress
from tasks_bindings.wire.topology import BINDINGS, addressed

_log = structlog.get_logger(__name__)

BLOCKED_BROKER: Final = "the message broker, which takes no messages now"
FIRST_BACKOFF_S: Final = 0.2
MAX_BACKOFF_S: Final = 5.0
ABSENCE_LOOK_S: Final = 1.0
"""How often a batch that is not answered looks whether any app serves its action still."""
MOST_UNREACHED: Final = 3
"""So often the process that had a batch is looked for after an outage of the broker."""
MOST_FAILURES: Final = 3
"""So often an app may fail on a batch before it is taken for one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait, in seconds."""

    silence_s: float
    row_timeout_s: float


class _SignsOfLife:
    """What an app has said of a batch that it runs; anything else does not count."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._heard_at = self._moved_at = self._taken_at = time.monotonic()
        self._seen = ("", -1)
        """Which process has it, and how many rows it has done."""

    def left(self) -> float:
        """Seconds to wait for the next sign.

        Raises:
            BatchLost: none has come for too long.
        """
        left = self._heard_at + self._timing.silence_s + 1.0 - time.monotonic()
        if left <= 0:
            raise BatchLost(f"no sign of life for {self._timing.silence_s:g} s")
        return left

    def note(self, progress: Progress) -> None:
        """So many rows are done.

        How long its row takes cannot be told while others have their turn before it in the same
        process; another one may be quicker. One that takes it after one that died begins anew.

        Raises:
            BatchRejected: the present one has been running for too long.
            BatchLost: it has waited for as long.
        """
        now = self._heard_at = time.monotonic()
        seen = (progress.app.instance, progress.done)
        if seen[0] != self._seen[0]:
            self._taken_at = now
        if progress.waits and now - self._taken_at > self._timing.row_timeout_s:
            raise BatchLost(f"behind others for over {self._timing.row_timeout_s:g} s")
        if progress.waits or seen != self._seen:
            self._seen, self._moved_at = seen, now
        elif now - self._moved_at > self._timing.row_timeout_s:
            raise BatchRejected(
                f"one row has been running for over {self._timing.row_timeout_s:g} s"
            )


@dataclass(slots=True)
class Tries:
    """How often the batch that comes next was sent in vain, and how many rows it has."""

    rows: int
    attempts: int = 0
    failures: int = 0
    backoff_s: float = field(default_factory=lambda: FIRST_BACKOFF_S)
    instance: str | None = None
    """Which process said that it has the batch, if our way to the broker was lost meanwhile: it
    runs on there."""
    unreached: int = 0
    """How often that process could not be reached since."""
    silent: str | None = None
    """Which process had it when it was lost by silence, for which the broker may be the reason."""

    def failed(self, error: Exception) -> float:
        """Note an attempt in vain; seconds to wait before the next one.

        Raises:
            BatchRejected: there will be none.
        """
        self._remember(error)
        self.failures += isinstance(error, BatchFailed)
        if self.failures == MOST_FAILURES:
            raise BatchRejected(str(error)) from error
        backoff_s, self.backoff_s = self.backoff_s, min(self.backoff_s * 2, MAX_BACKOFF_S)
        return backoff_s

    def _remember(self, error: Exception) -> None:
        """Forget the process that has the batch unless it is as good as sure to have it still."""
        if isinstance(error, Unroutable):  # it may have no session yet, as we had none
            self.unreached += 1
        if not is_out_of_reach(error) or self.unreached > MOST_UNREACHED:
            self.silent = self.instance if isinstance(error, BatchLost) else None
            self.instance, self.unreached = None, 0
        elif isinstance(error, BusUnavailable | PublishTimeout):
            self.instance, self.silent = self.instance or self.silent, None


class Exchange:
    """Sends batches to apps.

    Args:
        bus: the way to the apps.
        directory: the apps that are alive.
        discovery: wakes up when the directory changes.
        timing: how long to wait.
        metrics: told of answers that are none.
        is_fenced: whether others may have taken this scheduler's tasks; nothing is sent meanwhile.
    """

    def __init__(
        self,
        bus: Bus,
        directory: Directory,
        discovery: Discovery,
        timing: Timing,
        metrics: SchedulerMetrics,
        *,
        is_fenced: Callable[[], bool],
    ) -> None:
        self._bus = bus
        self._directory = directory
        self._discovery = discovery
        self._timing = timing
        self.metrics: Final = metrics
        self._is_fenced = is_fenced

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes no messages now, as far as this scheduler knows."""
        return self._bus.health.blocked

    async def run(
        self,
        app: str,
        request: BatchRequest,
        tries: Tries,
        waiting_for: Callable[[str | None], None],
    ) -> BatchReply:
        """Send a batch and wait for its reply.

        Args:
            app: where it goes.
            request: the batch.
            tries: counts this attempt, if there is one.
            waiting_for: told what the batch waits for, and `None` once it waits no more.

        Raises:
            BatchLost, BusError: there will be no answer.
            BatchPoisoned: it killed every process that took it.
            BatchRejected: the app cannot run it.
            OwnershipLost: the app has seen a later owner of the task.
            MessageTooLarge: it does not fit into a message.
        """
        _log.debug("batch_due", batch=request.seq, epoch=request.epoch)
        if self._is_fenced():
            raise BatchNotSent("others may take this scheduler for dead")
        tries.attempts += 1
        reached("batch:asked")
        message = Message(
            body=request.body(tries.attempts, self._timing.row_timeout_s),
            type=MessageType.BATCH,
            expires_ms=int(self._timing.silence_s * 1000),
            persistent=True,
        )
        key = addressed(app, action_key(request.category, request.action))
        if tries.instance is not None:
            key = instance_key(tries.instance)
        try:
            async with self._bus.call(BINDINGS.name, key, message) as call:
                reached("batch:sent")
                return await self._await_reply(call, request, tries, waiting_for)
        finally:
            waiting_for(None)

    async def cancel(self, request: BatchRequest) -> None:
        """Ask whoever runs the batch to end it after its present row."""
        cancel = Cancel(task_id=request.task_id, epoch=request.epoch, seq=request.seq)
        message = Message(body=codec.encode(cancel), type=MessageType.CANCEL)
        try:
            await self._bus.publish(BINDINGS.name, APPS_CANCEL, message, mandatory=False)
            reached("stop:cancelled")
        except BusError as error:
            _log.info("cancel_not_sent", why=str(error))

    async def _await_reply(
        self,
        call: Call,
        request: BatchRequest,
        tries: Tries,
        waiting_for: Callable[[str | None], None],
    ) -> BatchReply:
        """Wait on when the app has left: its next instance finds the batch in the queue."""
        life, ran_alone = _SignsOfLife(self._timing), 0
        while True:
            try:
                delivery = await call.receive(min(life.left(), ABSENCE_LOOK_S))
            except ReplyTimeout:
                is_served = self._directory.metadata(request.category, request.action) is not None
                waiting_for(None if is_served else self._absence(request))
                continue
            progress = progress_of(delivery, request)
            if progress is not None:
                life.note(progress)
                reached("batch:progress")
                tries.instance = progress.app.instance if progress.direct else None
                ran_alone += progress.alone
                continue
            reply = reply_of(delivery, request, ran_alone=ran_alone)
            reached("batch:replied")
            if reply is not None:
                return reply
            self.metrics.bad_replies.inc(delivery.message.type != MessageType.PROGRESS)

    def _absence(self, request: BatchRequest) -> str:
        """What is missing while no app serves an action. No app is heard during an alarm."""
        if self.is_blocked:
            return BLOCKED_BROKER
        return f"an app that serves {action_key(request.category, request.action)}"

    async def can_be_reached(self, seconds: float) -> None:
        """Wait until an app that could not be reached may be there again, `seconds` at most."""
        if self._bus.is_ready:
            await self._discovery.wait_for_change(seconds)
            return
        try:
            await self._bus.wait_ready(MAX_BACKOFF_S)
        except BusUnavailable as error:
            _log.info("broker_not_back", why=str(error))


def may_have_run(error: Exception) -> bool:
    """Whether an app may have got the batch, and run it, all the same."""
    return not isinstance(error, BatchNotSent | Unroutable | NoHandler)


def is_out_of_reach(error: Exception) -> bool:
    """Whether no other batch would have got to the app either."""
    return isinstance(error, BusUnavailable | PublishTimeout | Unroutable | NoHandler)


def cause_of(error: Exception) -> str:
    """What a batch waits for after an attempt in vain."""
    return "the message broker" if isinstance(error, BusUnavailable | PublishTimeout) else "an app"
