"""`AmqpBus`: the bus on RabbitMQ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Final
from weakref import WeakSet

import structlog

from tasks_bindings.bus.amqp import driver
from tasks_bindings.bus.amqp.broker_url import checked_url
from tasks_bindings.bus.amqp.consumer import AmqpSubscription
from tasks_bindings.bus.amqp.link import Address
from tasks_bindings.bus.amqp.session import PROBE_TIMEOUT_S, Session
from tasks_bindings.bus.amqp.supervisor import Supervisor
from tasks_bindings.bus.calls import PendingCalls
from tasks_bindings.bus.handling import check_key
from tasks_bindings.bus.interface import Call, Handler, Health, Message, SessionState
from tasks_bindings.errors import BusUnavailable
from tasks_bindings.wire.topology import Queue

CANCEL_TIMEOUT_S: Final = 1.0


class AmqpBus:
    """One process's way to RabbitMQ.

    Args:
        url: `amqp://user:password@host:port/vhost` on this machine, or `amqps://`, whose
            certificate is verified; see `checked_url`.
        name: shown to the broker's operators as the name of the connections.
        heartbeat_s: seconds; the broker drops a silent connection after twice as long.
        connect_timeout_s: seconds for opening one connection.
        ssl_context: for `amqps`, in place of the system's certificates.
        insecure: connect without a proof of who the broker is, too.

    Raises:
        BadBrokerUrl: the URL is none of AMQP's, or not secure.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        heartbeat_s: int = 20,
        connect_timeout_s: float = 5.0,
        ssl_context: SSLContext | None = None,
        insecure: bool = False,
    ) -> None:
        driver.prepare()
        self._address = Address(
            url=checked_url(url, insecure=insecure),
            name=name,
            heartbeat_s=heartbeat_s,
            connect_timeout_s=connect_timeout_s,
            ssl_context=ssl_context,
        )
        self._calls = PendingCalls()
        self._subscriptions: list[AmqpSubscription] = []
        self._made: WeakSet[AmqpSubscription] = WeakSet()
        self._supervisor = Supervisor(
            open_session=self._open_session,
            on_lost=self._calls.fail_all,
            log=structlog.get_logger(__name__).bind(bus=name, broker=str(self._address)),
            open_timeout_s=2 * connect_timeout_s + 2 * PROBE_TIMEOUT_S,
        )

    async def start(self) -> None:
        """Begin to connect; see `Bus.start`."""
        self._supervisor.start()

    async def close(self) -> None:
        """End the session for good; see `Bus.close`."""
        self._subscriptions.clear()
        made = list(self._made)
        for subscription in made:
            subscription.abandon()
        for subscription in made:
            await subscription.drain(CANCEL_TIMEOUT_S)
        await self._supervisor.close()

    @property
    def is_ready(self) -> bool:
        """Whether there is a whole session now."""
        return self._supervisor.state is SessionState.READY

    @property
    def health(self) -> Health:
        """How the bus is; see `Bus.health`."""
        supervisor = self._supervisor
        return Health(
            state=supervisor.state,
            last_error=supervisor.last_error,
            blocked=supervisor.is_blocked,
            sessions=supervisor.sessions,
            late_replies=self._calls.late_replies,
        )

    async def wait_ready(self, timeout: float) -> None:
        """Wait for a whole session; see `Bus.wait_ready`."""
        await self._supervisor.wait_ready(timeout)

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool = True,
        timeout: float = 5.0,
    ) -> None:
        """Hand a message to the broker; see `Bus.publish`."""
        check_key(routing_key)
        await self._present().publish(
            exchange,
            routing_key,
            message,
            correlation_id=message.correlation_id,
            reply_to=message.reply_to,
            mandatory=mandatory,
            timeout=timeout,
        )

    @asynccontextmanager
    async def call(
        self,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool = True,
        timeout: float = 5.0,
    ) -> AsyncIterator[Call]:
        """Publish a request and receive its answers; see `Bus.call`."""
        check_key(routing_key)
        session = self._present()
        with self._calls.open() as call:
            await session.publish(
                exchange,
                routing_key,
                message,
                correlation_id=call.correlation_id,
                reply_to=session.reply_queue,
                mandatory=mandatory,
                timeout=timeout,
            )
            yield call

    async def consume(self, queue: Queue, handler: Handler) -> AmqpSubscription:
        """Consume a queue, now and after each reconnection; see `Bus.consume`."""
        subscription = AmqpSubscription(queue, handler, self._forget)
        self._made.add(subscription)
        self._subscriptions.append(subscription)
        session = self._supervisor.session
        if session is None:
            return subscription
        try:
            await session.serve(subscription)
        except BusUnavailable as error:
            session.fail(str(error))  # the next session serves it
        except BaseException:
            self._forget(subscription)
            raise
        return subscription

    def _present(self) -> Session:
        session = self._supervisor.session
        if session is None:
            why = self._supervisor.last_error or "not connected yet"
            raise BusUnavailable(f"no session with the broker: {why}")
        return session

    async def _open_session(self) -> Session:
        session = await Session.open(self._address, self._calls.dispatch)
        try:
            while missing := [each for each in self._subscriptions if not session.serves(each)]:
                await session.serve(missing[0])
        except BaseException:
            await session.close()
            raise
        return session

    def _forget(self, subscription: AmqpSubscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
