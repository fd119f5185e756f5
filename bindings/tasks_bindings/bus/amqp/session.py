"""One session with the broker: built whole, and gone as a whole when any part of it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from aio_pika.abc import AbstractChannel as PikaChannel
from aiormq import Channel
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from tasks_bindings.bus.amqp.consumer import AmqpSubscription, Consumer
from tasks_bindings.bus.amqp.convert import to_delivery, to_properties
from tasks_bindings.bus.amqp.declare import declare_exchanges, declare_queue
from tasks_bindings.bus.amqp.faults import (
    DRIVER_ERRORS,
    BrokerBlocks,
    Refusal,
    is_being_cancelled,
    sentence_of,
    told_as_ours,
    translated,
)
from tasks_bindings.bus.amqp.link import CLOSE_TIMEOUT_S, Address, Link, bounded
from tasks_bindings.bus.interface import Delivery, Message
from tasks_bindings.errors import BusError, BusUnavailable, PublishTimeout
from tasks_bindings.wire.topology import Queue, QueueKind

REPLIES: Final = "kztasks.replies"
PROBE_KEY: Final = "kztasks.nobody"
DRIVER_TURNS: Final = 3
"""So many turns of the loop the driver takes after the end of a connection, to call what waits for
it in tasks of its own; the loop must not end before."""
PROBE_TIMEOUT_S: Final = 10.0
SERVE_TIMEOUT_S: Final = 15.0
"""A broker answers in milliseconds, or not for a minute: a quorum queue without a leader."""


class Session:
    """Two connections and everything on them.

    Publishing has a connection of its own, because an alarm of the broker stops all traffic on a
    connection that publishes, acknowledgements included. As soon as anything of it has ended,
    `lost` is done and `on_lost` has been called, with the reason.
    """

    def __init__(self, publishing: Link, consuming: Link) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.on_lost: Callable[[str], None] = _nobody_is_told
        self.reply_queue = ""
        self.was_blocked = False
        """Whether it was lost while the broker took no messages."""
        self._publishing = publishing
        self._consuming = consuming
        self._subscriptions: dict[AmqpSubscription, Consumer] = {}
        self._channels: set[PikaChannel] = set()
        self._publisher: Channel | None = None
        self._watch(publishing.closing, "the publishing connection ended")
        self._watch(consuming.closing, "the consuming connection ended")

    @classmethod
    async def open(cls, address: Address, on_reply: Callable[[Delivery], None]) -> Session:
        """Connect, and build everything but the subscriptions' consumers.

        Args:
            address: where the broker is.
            on_reply: given each message that comes to the session's reply queue.

        Raises:
            BusUnavailable: something of it failed; nothing is left open then.
        """
        with told_as_ours("no session"):
            publishing = await Link.open(address, "publish")
            try:
                consuming = await Link.open(address, "consume")
            except BaseException:
                await publishing.close()
                raise
        session = cls(publishing, consuming)
        try:
            with told_as_ours("no session"):
                await session._build(on_reply)
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def broker_version(self) -> str:
        """The version that the broker says it has."""
        return self._consuming.broker_version

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes no messages for now."""
        return not self.lost.done() and self._publishing.is_blocked

    def serves(self, subscription: AmqpSubscription) -> bool:
        """Whether a subscription has its consumer here."""
        return subscription in self._subscriptions

    async def serve(self, subscription: AmqpSubscription) -> None:
        """Declare a subscription's queue and consume from it.

        Raises:
            BusError: the broker refuses the queue; the session goes on without it.
            BusUnavailable: the session is lost.
        """
        queue = subscription.queue
        with told_as_ours(f"queue {queue.name} not consumed"):
            try:
                async with asyncio.timeout(SERVE_TIMEOUT_S):
                    consumer = await self._consume(subscription)
            except TimeoutError:
                self.fail(f"queue {queue.name} not served within {SERVE_TIMEOUT_S:g} s")
                raise
            except Refusal as error:
                raise BusError(f"queue {queue.name} refused: {sentence_of(error)}") from error
        if self.lost.done():
            raise BusUnavailable(self.lost.result())
        self._subscriptions[subscription] = consumer
        subscription.consumer = consumer
        if subscription.is_cancelled:
            await subscription.cancel()

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        message: Message,
        *,
        mandatory: bool,
        timeout: float,
        correlation_id: str | None = None,
        reply_to: str | None = None,
    ) -> None:
        """Publish, and wait for the broker's confirmation; see `Bus.publish` for the errors."""
        publisher = self._publisher
        if publisher is None or self.lost.done():
            raise BusUnavailable("no session with the broker")
        was_sent = False
        try:
            async with asyncio.timeout(timeout):
                if self._publishing.is_blocked:
                    await self._hold_back()
                was_sent = True
                await publisher.basic_publish(
                    message.body,
                    exchange=exchange,
                    routing_key=routing_key,
                    properties=to_properties(
                        message, correlation_id=correlation_id, reply_to=reply_to
                    ),
                    mandatory=mandatory,
                    wait=False,
                )
        except TimeoutError:
            raise self._not_confirmed(was_sent=was_sent, timeout=timeout) from None
        except DRIVER_ERRORS as error:
            raise translated(f"{exchange}/{routing_key} not published", error) from error
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            raise BusUnavailable("the session was lost before the confirmation") from error

    def fail(self, reason: str) -> None:
        """End the session now, as a lost one."""
        if self.lost.done():
            return
        self.was_blocked = self.is_blocked
        self.lost.set_result(reason)
        self._withdraw()
        self.on_lost(reason)
        self._publishing.cut()
        self._consuming.cut()

    async def close(self) -> None:
        """End the session in good order, and wait until the driver has done so."""
        if not self.lost.done():
            self.lost.set_result("closed")
            self._withdraw()
            # The driver forgets what it has not written yet when a connection closes. A channel
            # closes behind its own acknowledgements.
            await bounded(*(channel.close() for channel in self._channels), timeout=CLOSE_TIMEOUT_S)
        await bounded(
            self._publishing.close(), self._consuming.close(), timeout=2 * CLOSE_TIMEOUT_S
        )
        for _ in range(DRIVER_TURNS):
            await asyncio.sleep(0)

    async def _build(self, on_reply: Callable[[Delivery], None]) -> None:
        self._publisher = await self._adopt(await self._publishing.channel(confirms=True))
        await self._probe(self._publisher)
        admin = await self._consuming.channel()
        await declare_exchanges(admin)
        replies = Queue(name=REPLIES, kind=QueueKind.PRIVATE)
        self.reply_queue = await declare_queue(admin, replies)
        await admin.close()
        wire = await self._adopt(await self._consuming.channel())

        async def receive(received: DeliveredMessage) -> None:
            on_reply(to_delivery(received))

        await wire.basic_consume(self.reply_queue, receive, no_ack=True)

    async def _probe(self, publisher: Channel) -> None:
        """Publish what nobody gets, to learn whether the broker takes messages.

        It tells so only to those who publish. Without that, a session in the middle of an alarm
        would take work whose results it cannot send.
        """
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                # Not empty, as the broker stops reading between a message's header and body.
                await publisher.basic_publish(b"?", routing_key=PROBE_KEY, wait=False)
        except TimeoutError as error:
            raise BrokerBlocks from error

    async def _hold_back(self) -> None:
        """Wait until the broker takes messages.

        One that is sent before leaves when the alarm is over, long after it was given up.
        """
        unblocked = asyncio.ensure_future(self._publishing.unblocked())
        either: set[asyncio.Future[Any]] = {unblocked, self.lost}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            unblocked.cancel()
        if self.lost.done():
            raise BusUnavailable(self.lost.result())

    async def _consume(self, subscription: AmqpSubscription) -> Consumer:
        name = await self._declare(subscription.queue)
        channel = await self._consuming.channel()
        wire = await self._wire_of(channel)
        consumer = Consumer(wire, subscription, name, leave=partial(self._dismiss, channel))
        await consumer.start()
        await self._adopt(channel)
        return consumer

    async def _declare(self, queue: Queue) -> str:
        # A refused declaration closes its channel, so it gets one that nobody else uses.
        admin = await self._consuming.channel()
        try:
            return await declare_queue(admin, queue)
        finally:
            await bounded(admin.close(), timeout=CLOSE_TIMEOUT_S)

    async def _adopt(self, channel: PikaChannel) -> Channel:
        """Make a channel part of the session: when it ends, all ends."""
        wire = await self._wire_of(channel)
        self._channels.add(channel)
        self._watch(wire.closing, "a channel ended", part=channel)
        return wire

    async def _dismiss(self, channel: PikaChannel) -> None:
        """Close a channel that is needed no more."""
        self._channels.discard(channel)
        await bounded(channel.close(), timeout=CLOSE_TIMEOUT_S)

    async def _wire_of(self, channel: PikaChannel) -> Channel:
        """The driver's channel below aio-pika's, which starts a task less for every message."""
        wire = await channel.get_underlay_channel()
        if not isinstance(wire, Channel):  # only this class can publish without a second wait
            raise TypeError(f"the driver's channel is a {type(wire).__name__}")
        wire.on_consumer_cancel_callbacks.add(self._cancelled_by_broker)
        return wire

    def _cancelled_by_broker(self, frame: Basic.Cancel) -> None:
        self.fail(f"the broker cancelled the consumer {frame.consumer_tag}")

    def _watch(
        self, ending: asyncio.Future[Any], what: str, *, part: PikaChannel | None = None
    ) -> None:
        def ended(future: asyncio.Future[Any]) -> None:
            error = None if future.cancelled() else future.exception()
            if part is None or part in self._channels:
                self.fail(f"{what}: {sentence_of(error)}")

        ending.add_done_callback(ended)

    def _withdraw(self) -> None:
        for subscription, consumer in self._subscriptions.items():
            consumer.stop()
            if subscription.consumer is consumer:
                subscription.consumer = None

    def _not_confirmed(self, *, was_sent: bool, timeout: float) -> BusError:
        if not was_sent:
            return BrokerBlocks()
        self.fail(f"a message was not confirmed within {timeout:g} s")
        return PublishTimeout(f"not confirmed within {timeout:g} s")


def _nobody_is_told(_: str) -> None:
    """Before a session is whole, nobody counts on it."""
