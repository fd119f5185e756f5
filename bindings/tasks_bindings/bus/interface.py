"""The bus as the rest of the code sees it: publish, call, consume. Two transports implement it.

`tasks_bindings.bus.amqp` is RabbitMQ; `tasks_bindings.bus.memory` keeps the same physics (bytes,
prefetch, redelivery, dead letters, unroutable messages) in one process. One contract test suite
runs on both. What either promises:

* A session is all or nothing: connections, channels, queues and consumers are built together and,
  when one of them breaks, torn down and built again. Private queues have a new name each time.
* `publish` returns when the broker has taken responsibility, or raises. Nothing is buffered in this
  process while there is no session.
* A delivery is acknowledged after its handler returned, rejected to the dead letters when it
  raised, and delivered again, here or elsewhere, when this process or its session died before.
* A pending `Call` fails at once when the session is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from tasks_bindings.wire.topology import Queue

NO_HEADERS: Mapping[str, str | int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is published. `expires_ms` is how long the broker keeps it for a consumer."""

    body: bytes
    type: str = ""
    correlation_id: str | None = None
    reply_to: str | None = None
    expires_ms: int | None = None
    persistent: bool = False
    content_type: str | None = "application/json"
    headers: Mapping[str, str | int] = field(default_factory=lambda: NO_HEADERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What was received.

    `deliveries` counts the earlier deliveries of this message that ended without an
    acknowledgement, where the queue counts them (work queues do). `death_reason` is set on dead
    letters.
    """

    message: Message
    exchange: str
    routing_key: str
    redelivered: bool = False
    deliveries: int = 0
    death_reason: str | None = None


Handler = Callable[[Delivery], Awaitable[None]]
"""Handles one delivery. Returning acknowledges it; raising rejects it to the dead letters.

It is not interrupted when the session is lost: it runs on, and its acknowledgement does nothing.
"""


class SessionState(StrEnum):
    """How far the way to the broker is."""

    CLOSED = "closed"
    """Not started yet, or closed for good."""
    CONNECTING = "connecting"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a health page says of a bus. `last_error` is what the session last failed with."""

    state: SessionState
    last_error: str | None
    blocked: bool
    """The broker takes no messages for now (memory or disk alarm)."""
    sessions: int
    """How many sessions there have been, the present one included."""
    late_replies: int
    """Answers that came after their call was over."""


class Call(Protocol):
    """A published request whose answers come in one by one (progress first, the reply last)."""

    async def receive(self, timeout: float) -> Delivery:
        """The next message with this call's correlation id.

        Args:
            timeout: seconds to wait.

        Raises:
            ReplyTimeout: none came in time; the call stays open.
            BusUnavailable: the session was lost, so an answer can no longer arrive.
        """
        ...


class Subscription(Protocol):
    """A running consumer."""

    @property
    def queue_name(self) -> str:
        """The queue's name in the present session.

        Raises:
            BusUnavailable: the queue is private and there is no session, hence no such queue.
        """
        ...

    async def cancel(self) -> None:
        """Take no new deliveries. Handlers that run go on; their deliveries are acknowledged."""
        ...

    async def drain(self, timeout: float) -> bool:
        """Wait for running handlers, `timeout` seconds at most; whether all have ended."""
        ...


class Bus(Protocol):
    """One process's way to the broker."""

    async def start(self) -> None:
        """Begin to connect and to keep the session alive. Does not wait for the first session."""
        ...

    async def close(self) -> None:
        """End the session for good; pending calls fail, unacknowledged deliveries go back.

        Handlers that still run are cancelled: drain their subscriptions first.
        """
        ...

    @property
    def is_ready(self) -> bool:
        """Whether there is a whole session now."""
        ...

    @property
    def health(self) -> Health:
        """How the bus is, for people and probes."""
        ...

    async def wait_ready(self, timeout: float) -> None:
        """Wait for a whole session.

        Args:
            timeout: seconds to wait.

        Raises:
            BusUnavailable: there was none in time; says what the last attempt failed with.
        """
        ...

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool = True,
        timeout: float = 5.0,
    ) -> None:
        """Hand a message to the broker and wait until it confirms.

        Args:
            exchange: a name of `wire.topology`, or `""` to address a queue by its name.
            routing_key: the key, or the queue's name.
            message: what to send.
            mandatory: fail when no queue would get it; otherwise the broker drops it then.
            timeout: seconds for the confirmation. After it the session is torn down, so that the
                message cannot leave later.

        Raises:
            Unroutable: mandatory, and no queue is bound to the key; or the key is over 255 bytes.
            BusUnavailable: no session, it was lost before the confirmation, or the broker takes no
                messages now (then it was not sent at all).
            PublishTimeout: no confirmation in time; whether it was delivered is unknown.
        """
        ...

    def call(
        self,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool = True,
        timeout: float = 5.0,
    ) -> AbstractAsyncContextManager[Call]:
        """Publish with a fresh correlation id and the present reply queue; then receive.

        Entering the context publishes, with the errors of `publish`. Leaving it forgets the
        correlation id: later answers are counted and dropped.
        """
        ...

    async def consume(self, queue: Queue, handler: Handler) -> Subscription:
        """Declare a queue with its bindings, consume from it, and do so again in each new session.

        Returns when the consumer runs in the present session; without a session, at once.

        Raises:
            BusError: the broker refuses the queue, for example because it exists with other flags.
                Nothing is consumed then, and what is consumed already is not disturbed.
        """
        ...
