"""Calls that wait for answers, found by correlation id. Both transports use them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from tasks_bindings.bus.interface import Delivery
from tasks_bindings.errors import BusUnavailable, ReplyTimeout


class PendingCall:
    """One call of `PendingCalls`; has one reader at a time."""

    __slots__ = ("_answers", "_failure", "_waiter", "correlation_id")

    def __init__(self) -> None:
        self.correlation_id = uuid4().hex
        self._answers: deque[Delivery] = deque()
        self._failure: str | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def receive(self, timeout: float) -> Delivery:
        """The next answer; see `Call.receive`."""
        if not self._answers and self._failure is None:
            await self._wait(timeout)
        if self._answers:
            return self._answers.popleft()
        if self._failure is not None:
            raise BusUnavailable(self._failure)
        raise ReplyTimeout(f"no answer within {timeout:g} s")

    def answer(self, delivery: Delivery) -> None:
        """Hand an answer to the reader, now or when it asks."""
        self._answers.append(delivery)
        _wake(self._waiter)

    def fail(self, reason: str) -> None:
        """No answer can come any more."""
        self._failure = reason
        _wake(self._waiter)

    async def _wait(self, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(timeout, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None


class PendingCalls:
    """The open calls of one bus."""

    def __init__(self) -> None:
        self._open: dict[str, PendingCall] = {}
        self.late_replies = 0

    @contextmanager
    def open(self) -> Iterator[PendingCall]:
        """A call with a fresh correlation id, known until the context is left."""
        call = PendingCall()
        self._open[call.correlation_id] = call
        try:
            yield call
        finally:
            del self._open[call.correlation_id]

    def dispatch(self, delivery: Delivery) -> None:
        """Give an answer to its call; one that is over or unknown is counted and dropped."""
        call = self._open.get(delivery.message.correlation_id or "")
        if call is None:
            self.late_replies += 1
        else:
            call.answer(delivery)

    def fail_all(self, reason: str) -> None:
        """Fail every open call: the queue for its answers is gone."""
        for call in self._open.values():
            call.fail(reason)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
