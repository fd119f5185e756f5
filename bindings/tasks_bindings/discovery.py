"""Keep a `Directory` true: listen to beats and farewells, ask whom it does not know yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Final
from uuid import uuid4

import structlog

from tasks_bindings.bus.interface import Bus, Delivery, Message, Subscription
from tasks_bindings.directory import SILENCE_LIMIT_S, Directory
from tasks_bindings.errors import BusError, ReplyTimeout, WireError
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import APPS_BEAT, APPS_DOWN, HELP, instance_key
from tasks_bindings.wire.messages import Beat, Down, HelpReply, HelpRequest, MessageType
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind

_log = structlog.get_logger(__name__)

ASK_TIMEOUT_S: Final = 2.0
EXPIRE_INTERVAL_S: Final = 0.5
QUIET_S: Final = 0.2
"""Answers to one question come within so long of each other."""


class Discovery:
    """Listens on the bus and tells a directory; wakes those who wait for a change.

    Attributes:
        dropped: how many messages were heard that say nothing, or are of another version.
    """

    def __init__(
        self, bus: Bus, directory: Directory, *, silence_limit_s: float = SILENCE_LIMIT_S
    ) -> None:
        self._bus = bus
        self._directory = directory
        self._silence_limit_s = silence_limit_s
        self._changed = asyncio.Event()
        self._asking: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None
        self._reported: set[object] = set()
        self.dropped = 0

    async def start(self) -> None:
        """Listen, and ask who is there already."""
        queue = Queue(
            name=f"kztasks.discovery.{uuid4().hex[:8]}",
            kind=QueueKind.PRIVATE,
            bindings=(Binding(BINDINGS.name, APPS_BEAT), Binding(BINDINGS.name, APPS_DOWN)),
            prefetch=100,
        )
        self._subscription = await self._bus.consume(queue, self._heard)
        self._spawn(self._ask(HELP))
        self._spawn(self._expire())

    async def close(self) -> None:
        """Stop listening."""
        if self._subscription is not None:
            await self._subscription.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_for_answers(self, timeout: float) -> None:
        """Wait until those who are there have said what they serve.

        Args:
            timeout: seconds; for so long if nobody is there.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            quiet_s = min(left, QUIET_S) if self._directory.instances else left
            if not await self.wait_for_change(quiet_s):
                return

    async def wait_for_change(self, timeout: float) -> bool:
        """Wait until what is served has changed; false after `timeout` seconds without a change."""
        event = self._changed
        try:
            async with asyncio.timeout(timeout):  # `wait_for` of Python 3.11 may swallow a cancel
                await event.wait()
        except TimeoutError:
            return False
        return True

    async def _heard(self, delivery: Delivery) -> None:
        before = self._directory.version
        try:
            self._note(delivery.message)
        except WireError as error:
            # Every few seconds, as long as an app of another version is there.
            self.dropped += 1
            _log.warning("beat_dropped", code=error.code, why=str(error))
        self._tell(before)

    def _note(self, message: Message) -> None:
        match message.type:
            case MessageType.BEAT:
                beat = codec.decode(message.body, Beat)
                if self._directory.heard_beat(beat, time.monotonic()):
                    self._spawn(self._ask(instance_key(beat.app.instance)))
            case MessageType.DOWN:
                self._directory.heard_down(codec.decode(message.body, Down))
            case other:
                raise WireError(f"message of type {other!r} among the beats")

    async def _ask(self, key: str) -> None:
        """Ask one instance or all; answers are collected for a while, as nobody knows how many."""
        if key in self._asking:
            return
        self._asking.add(key)
        question = Message(
            body=codec.encode(HelpRequest()),
            type=MessageType.HELP,
            expires_ms=int(ASK_TIMEOUT_S * 1000),
        )
        deadline = time.monotonic() + ASK_TIMEOUT_S
        try:
            await self._bus.wait_ready(ASK_TIMEOUT_S)
            async with self._bus.call(BINDINGS.name, key, question, mandatory=False) as call:
                while (left := deadline - time.monotonic()) > 0:
                    self._learn(await call.receive(left))
                    if key != HELP:
                        break
        except ReplyTimeout:
            _log.debug("help_not_answered", key=key)
        except BusError as error:
            _log.info("help_not_asked", key=key, error=str(error))
        finally:
            self._asking.discard(key)

    def _learn(self, delivery: Delivery) -> None:
        before = self._directory.version
        try:
            reply = codec.decode(delivery.message.body, HelpReply)
        except WireError as error:
            self.dropped += 1
            _log.warning("bad_help_reply", error=str(error))
            return
        self._directory.heard_help(reply, time.monotonic())
        for refusal in self._directory.refusals():
            if refusal not in self._reported:
                self._reported.add(refusal)
                _log.error(
                    "action_refused",
                    category=refusal.category,
                    action=refusal.action,
                    app=refusal.refused,
                    serving=refusal.serving,
                    why="another app serves this action with different metadata",
                )
        self._tell(before)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_INTERVAL_S)
            before = self._directory.version
            for app in self._directory.expire(time.monotonic(), limit=self._silence_limit_s):
                _log.warning("app_silent", app=app.name, instance=app.instance)
            self._tell(before)

    def _tell(self, before: int) -> None:
        if self._directory.version != before:
            self._changed.set()
            self._changed = asyncio.Event()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
