"""A session with the in-process broker, its consumers, and the subscriptions that outlive it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from tasks_bindings.bus.handling import Outcome, RunningHandlers, run_handler
from tasks_bindings.bus.interface import Delivery, Handler
from tasks_bindings.bus.memory.broker import MemoryBroker, delivery_of
from tasks_bindings.bus.memory.queue import Entry, MemoryQueue
from tasks_bindings.errors import BusUnavailable
from tasks_bindings.wire.topology import Queue, QueueKind

REPLIES: Final = Queue(name="kztasks.replies", kind=QueueKind.PRIVATE)


class MemorySubscription:
    """What `MemoryBus.consume` returns. Each session gives it a consumer, and takes it away."""

    def __init__(
        self, queue: Queue, handler: Handler, forget: Callable[[MemorySubscription], None]
    ) -> None:
        self.queue = queue
        self.handler = handler
        self.running = RunningHandlers()
        self.consumer: MemoryConsumer | None = None
        self._forget = forget

    @property
    def queue_name(self) -> str:
        """The queue's name in the present session; see `Subscription.queue_name`."""
        if self.queue.kind is not QueueKind.PRIVATE:
            return self.queue.name
        if self.consumer is None:
            raise BusUnavailable("no session with the broker, so no private queue either")
        return self.consumer.queue.name

    async def cancel(self) -> None:
        """Take no new deliveries; see `Subscription.cancel`."""
        self._forget(self)
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            consumer.cancel()

    async def drain(self, timeout: float) -> bool:
        """Wait for running handlers; see `Subscription.drain`."""
        return await self.running.drain(timeout)


class MemoryConsumer:
    """Takes from a queue for a subscription, up to the prefetch, until its session ends."""

    def __init__(
        self, broker: MemoryBroker, queue: MemoryQueue, subscription: MemorySubscription
    ) -> None:
        self.queue = queue
        self.subscription = subscription
        self._broker = broker
        self._held: dict[Entry, None] = {}

    @property
    def has_room(self) -> bool:
        """Whether it holds fewer deliveries than its prefetch."""
        return len(self._held) < self.subscription.queue.prefetch

    def take(self, entry: Entry) -> None:
        """Hold an entry, and run the handler on it."""
        self._held[entry] = None
        self._broker.handler_started()
        self.subscription.running.start(self._handle(entry))

    def cancel(self) -> None:
        """Take no more; what is held is settled by its handlers."""
        self.queue.remove(self)
        if self.queue.kind is QueueKind.PRIVATE:
            self._broker.delete(self.queue.name)

    def end(self) -> None:
        """The session ends: what is held goes back, and handlers settle nothing any more."""
        self.queue.remove(self)
        held = list(self._held)
        self._held.clear()
        if self.queue.kind is not QueueKind.PRIVATE:
            self.queue.give_back(held)
        if self.subscription.consumer is self:
            self.subscription.consumer = None

    async def _handle(self, entry: Entry) -> None:
        try:
            outcome = await run_handler(self.subscription.handler, delivery_of(entry))
            self._settle(entry, outcome)
        except asyncio.CancelledError:
            self._settle(entry, Outcome.ABANDONED)
            raise
        finally:
            self._broker.handler_ended()

    def _settle(self, entry: Entry, outcome: Outcome) -> None:
        if entry not in self._held:
            return
        del self._held[entry]
        match outcome:
            case Outcome.DONE:
                self.queue.pump()
            case Outcome.FAILED:
                self.queue.reject(entry)
            case Outcome.ABANDONED:
                self.queue.give_back([entry])


class _ReplyTaker:
    """Hands the messages of the reply queue on as they come; they need no acknowledgement."""

    has_room: Final = True

    def __init__(self, on_reply: Callable[[Delivery], None]) -> None:
        self._on_reply = on_reply

    def take(self, entry: Entry) -> None:
        self._on_reply(delivery_of(entry))


class MemorySession:
    """What belongs to one connection: its private queues and its consumers."""

    def __init__(self, broker: MemoryBroker, on_reply: Callable[[Delivery], None]) -> None:
        self._broker = broker
        self._consumers: list[MemoryConsumer] = []
        self._private: list[str] = []
        replies = self._declare(REPLIES)
        replies.add(_ReplyTaker(on_reply))
        self.reply_queue = replies.name

    def serve(self, subscription: MemorySubscription) -> None:
        """Declare a subscription's queue and consume from it.

        Raises:
            BusError: the queue is refused.
        """
        queue = self._declare(subscription.queue)
        consumer = MemoryConsumer(self._broker, queue, subscription)
        self._consumers.append(consumer)
        subscription.consumer = consumer
        queue.add(consumer)

    def end(self) -> None:
        """End it as a broken connection does."""
        for name in self._private:
            self._broker.delete(name)
        for consumer in self._consumers:
            consumer.end()

    def _declare(self, queue: Queue) -> MemoryQueue:
        name = queue.name
        if queue.kind is QueueKind.PRIVATE:
            name = f"{queue.name}.{uuid4().hex}"
            self._private.append(name)
        return self._broker.declare(queue, name)
