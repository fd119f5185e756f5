"""`MemoryBus`: the bus inside one process, with the physics of the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final
from weakref import WeakSet

import structlog

from tasks_bindings.bus.calls import PendingCalls
from tasks_bindings.bus.handling import check_key
from tasks_bindings.bus.interface import Call, Handler, Health, Message, SessionState
from tasks_bindings.bus.memory.broker import MemoryBroker
from tasks_bindings.bus.memory.session import MemorySession, MemorySubscription
from tasks_bindings.errors import BusError, BusUnavailable, Unroutable
from tasks_bindings.wire.topology import Queue

_log = structlog.get_logger(__name__)

CANCEL_TIMEOUT_S: Final = 1.0
RETRY_S: Final = 0.3


class MemoryBus:
    """One client of a `MemoryBroker`, as one connection of a process to RabbitMQ would be.

    Args:
        broker: the broker, shared with the other clients.
        name: for logs.
    """

    def __init__(self, broker: MemoryBroker, *, name: str = "memory") -> None:
        self._broker = broker
        self._name = name
        self._calls = PendingCalls()
        self._subscriptions: list[MemorySubscription] = []
        self._made: WeakSet[MemorySubscription] = WeakSet()
        self._session: MemorySession | None = None
        self._ready = asyncio.Event()
        self._is_started = False
        self._rebuild: asyncio.TimerHandle | None = None
        self._sessions = 0
        self._last_error: str | None = None

    async def start(self) -> None:
        """Open the session; see `Bus.start`."""
        self._is_started = True
        if self._session is None and self._rebuild is None:
            self._open()

    async def close(self) -> None:
        """End the session for good; see `Bus.close`."""
        self._is_started = False
        if self._rebuild is not None:
            self._rebuild.cancel()
            self._rebuild = None
        self._subscriptions.clear()
        self._end("the bus was closed")
        made = list(self._made)
        for subscription in made:
            subscription.running.cancel()
        for subscription in made:
            await subscription.drain(CANCEL_TIMEOUT_S)

    def disconnect(self, *, for_s: float = 0.0) -> None:
        """Lose the session as by a broken connection, for tests.

        Pending calls fail at once; handlers run on, but their deliveries are delivered again.

        Args:
            for_s: seconds until the next session.
        """
        if self._session is not None:
            self._lose("the connection was broken on purpose", for_s)

    @property
    def is_ready(self) -> bool:
        """Whether there is a session now."""
        return self._session is not None

    @property
    def health(self) -> Health:
        """How the bus is; see `Bus.health`."""
        if self._session is not None:
            state = SessionState.READY
        else:
            state = SessionState.CONNECTING if self._is_started else SessionState.CLOSED
        return Health(
            state=state,
            last_error=self._last_error,
            blocked=False,
            sessions=self._sessions,
            late_replies=self._calls.late_replies,
        )

    async def wait_ready(self, timeout: float) -> None:
        """Wait for a session; see `Bus.wait_ready`."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            why = self._last_error or "nothing has failed yet"
            raise BusUnavailable(f"no session with the broker in {timeout:g} s: {why}") from None

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool = True,
        timeout: float = 5.0,  # noqa: ARG002  (nothing here can be late)
    ) -> None:
        """Hand a message to the broker; see `Bus.publish`."""
        await self._send(self._present(), exchange, routing_key, message, mandatory=mandatory)

    @asynccontextmanager
    async def call(
        self,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool = True,
        timeout: float = 5.0,  # noqa: ARG002  (nothing here can be late)
    ) -> AsyncIterator[Call]:
        """Publish a request and receive its answers; see `Bus.call`."""
        session = self._present()
        with self._calls.open() as call:
            request = replace(
                message, correlation_id=call.correlation_id, reply_to=session.reply_queue
            )
            await self._send(session, exchange, routing_key, request, mandatory=mandatory)
            yield call

    async def consume(self, queue: Queue, handler: Handler) -> MemorySubscription:
        """Consume a queue, now and after each reconnection; see `Bus.consume`."""
        subscription = MemorySubscription(queue, handler, self._forget)
        if self._session is not None:
            self._session.serve(subscription)
        self._made.add(subscription)
        self._subscriptions.append(subscription)
        return subscription

    async def _send(
        self,
        session: MemorySession,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool,
    ) -> None:
        check_key(routing_key)
        await asyncio.sleep(0)  # others run while a broker confirms, so they do here
        if session is not self._session:
            raise BusUnavailable("the session was lost before the confirmation")
        try:
            is_routed = self._broker.route(exchange, routing_key, message)
        except BusError as error:
            self._lose(str(error), 0.0)
            raise BusUnavailable(str(error)) from error
        if mandatory and not is_routed:
            raise Unroutable(f"{exchange}/{routing_key} not published: no queue gets it")

    def _present(self) -> MemorySession:
        if self._session is None:
            why = self._last_error or "not connected yet"
            raise BusUnavailable(f"no session with the broker: {why}")
        return self._session

    def _open(self) -> None:
        self._rebuild = None
        self._session = MemorySession(self._broker, self._calls.dispatch)
        self._sessions += 1
        self._ready.set()
        try:
            for subscription in self._subscriptions:
                self._session.serve(subscription)
        except BusError as error:
            self._lose(str(error), RETRY_S)

    def _lose(self, reason: str, for_s: float) -> None:
        _log.warning("bus_session_lost", bus=self._name, reason=reason)
        self._end(reason)
        self._rebuild = asyncio.get_running_loop().call_later(for_s, self._open)

    def _end(self, reason: str) -> None:
        session, self._session = self._session, None
        self._ready.clear()
        if session is not None:
            self._last_error = reason
            self._calls.fail_all(reason)
            session.end()

    def _forget(self, subscription: MemorySubscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
