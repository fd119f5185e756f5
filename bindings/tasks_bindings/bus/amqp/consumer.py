"""A subscription over all sessions, and its consumer in one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiormq import Channel
from aiormq.abc import DeliveredMessage

from tasks_bindings.bus.amqp.convert import to_delivery
from tasks_bindings.bus.amqp.faults import DRIVER_ERRORS, sentence_of
from tasks_bindings.bus.amqp.link import CLOSE_TIMEOUT_S, bounded
from tasks_bindings.bus.handling import Outcome, RunningHandlers, run_handler
from tasks_bindings.bus.interface import Handler
from tasks_bindings.errors import BusUnavailable
from tasks_bindings.wire.topology import Queue, QueueKind

_log = structlog.get_logger(__name__)

SETTLE_TIMEOUT_S: Final = 10.0
"""A dead connection may never take an acknowledgement from its full write queue."""


class AmqpSubscription:
    """What `AmqpBus.consume` returns. Each session gives it a consumer, and takes it away."""

    def __init__(
        self, queue: Queue, handler: Handler, forget: Callable[[AmqpSubscription], None]
    ) -> None:
        self.queue = queue
        self.handler = handler
        self.running = RunningHandlers()
        self.consumer: Consumer | None = None
        self.is_cancelled = False
        self._forget = forget

    @property
    def queue_name(self) -> str:
        """The queue's name in the present session; see `Subscription.queue_name`."""
        if self.queue.kind is not QueueKind.PRIVATE:
            return self.queue.name
        if self.consumer is None:
            raise BusUnavailable("no session with the broker, so no private queue either")
        return self.consumer.queue_name

    async def cancel(self) -> None:
        """Take no new deliveries; see `Subscription.cancel`."""
        self.is_cancelled = True
        self._forget(self)
        consumer, self.consumer = self.consumer, None
        if consumer is not None:
            await consumer.cancel()

    async def drain(self, timeout: float) -> bool:
        """Wait for running handlers; see `Subscription.drain`."""
        return await self.running.drain(timeout)

    def abandon(self) -> None:
        """Interrupt running handlers and start no more: the bus is closed."""
        if self.consumer is not None:
            self.consumer.stop()
        self.running.cancel()


class Consumer:
    """Consumes a queue on a channel of its own, so that prefetch and failures are its own too.

    Args:
        wire: the channel.
        subscription: whose handler gets the deliveries.
        queue_name: the queue, declared.
        leave: closes the channel, when a cancelled consumer has settled everything.
    """

    def __init__(
        self,
        wire: Channel,
        subscription: AmqpSubscription,
        queue_name: str,
        *,
        leave: Callable[[], Awaitable[None]],
    ) -> None:
        self.queue_name = queue_name
        self._wire = wire
        self._subscription = subscription
        self._leave = leave
        self._tag: str | None = None
        self._held = 0
        self._is_cancelled = False
        self._is_over = False

    async def start(self) -> None:
        """Begin to take deliveries, as many at once as the queue's prefetch says."""
        await self._wire.basic_qos(prefetch_count=self._subscription.queue.prefetch)
        consuming = await self._wire.basic_consume(self.queue_name, self._on_delivery)
        self._tag = consuming.consumer_tag

    async def cancel(self) -> None:
        """Take no new deliveries. The channel stays until what still runs is settled."""
        if self._tag is not None:
            await bounded(self._wire.basic_cancel(self._tag), timeout=CLOSE_TIMEOUT_S)
        self._is_cancelled = True
        if self._held == 0:
            await self._leave()

    def stop(self) -> None:
        """Leave further deliveries to the broker, which gets them back with the channel."""
        self._is_over = True

    async def _on_delivery(self, received: DeliveredMessage) -> None:
        # The driver cancels its own tasks with the channel, so a handler runs in one of ours.
        if not self._is_over:
            self._held += 1
            self._subscription.running.start(self._handle(received))

    async def _handle(self, received: DeliveredMessage) -> None:
        try:
            outcome = await run_handler(self._subscription.handler, to_delivery(received))
        except asyncio.CancelledError:
            await self._settle(received, Outcome.ABANDONED)
            raise
        await self._settle(received, outcome)
        if self._is_cancelled and self._held == 0:
            await self._leave()

    async def _settle(self, received: DeliveredMessage, outcome: Outcome) -> None:
        self._held -= 1
        tag = received.delivery_tag
        if tag is None or self._is_over:
            return
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                if outcome is Outcome.DONE:
                    await self._wire.basic_ack(tag, wait=False)
                else:
                    requeue = outcome is Outcome.ABANDONED
                    await self._wire.basic_reject(tag, requeue=requeue, wait=False)
        except DRIVER_ERRORS as error:
            # Normal after a lost session: the broker delivers the message again.
            _log.debug("delivery_not_settled", queue=self.queue_name, error=sentence_of(error))
