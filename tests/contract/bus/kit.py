"""Handlers and waits that the contract's cases are written with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tasks_bindings.bus import Bus, Delivery, Message
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind

PATIENCE_S: Final = 10.0
"""How long a test waits for what has to happen; only a failing one waits so long."""

KEY: Final = "skel.tasks.skel.id2"


def work_queue(*keys: str, name: str = "kztasks.app.skel", prefetch: int = 1) -> Queue:
    """A work queue bound to `keys`, or to `KEY`."""
    bindings = tuple(Binding(BINDINGS.name, key) for key in keys or (KEY,))
    return Queue(name=name, kind=QueueKind.WORK, bindings=bindings, prefetch=prefetch)


class Inbox:
    """A handler that keeps what it gets, in order."""

    def __init__(self) -> None:
        self._received: asyncio.Queue[Delivery] = asyncio.Queue()

    async def __call__(self, delivery: Delivery) -> None:
        self._received.put_nowait(delivery)

    async def next(self) -> Delivery:
        """What came next."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._received.get()

    async def next_body(self, body: bytes) -> Delivery:
        """The next delivery with this body; others before it may be ones that came again.

        A message is delivered again when its session was lost before the broker had seen that it
        was handled, so a test that loses sessions meets such copies.
        """
        while (delivery := await self.next()).message.body != body:
            assert delivery.message.body < body, "only earlier messages may come again"
        return delivery

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come that was not looked at."""
        return self._received.empty()


class Gate:
    """A handler that holds each delivery until it is let go."""

    def __init__(self) -> None:
        self.at_once = 0
        self.most_at_once = 0
        self.finished: list[Delivery] = []
        self._arrived: asyncio.Queue[Delivery] = asyncio.Queue()
        self._is_open = asyncio.Event()

    async def __call__(self, delivery: Delivery) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self._arrived.put_nowait(delivery)
        try:
            await self._is_open.wait()
            self.finished.append(delivery)
        finally:
            self.at_once -= 1

    async def arrival(self) -> Delivery:
        """The next delivery that is being held."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._arrived.get()

    def open(self) -> None:
        """Let all go that are held, and all that come."""
        self._is_open.set()


def text(body: str, *, kind: str = "batch", expires_ms: int | None = None) -> Message:
    """A message with `body` as its text."""
    return Message(body=body.encode(), type=kind, expires_ms=expires_ms)


def bodies(deliveries: list[Delivery]) -> list[str]:
    """The texts of messages."""
    return [delivery.message.body.decode() for delivery in deliveries]


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nothing announces."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  (nothing announces it)
            await asyncio.sleep(0.005)


def replier(bus: Bus, *replies: str) -> Callable[[Delivery], Awaitable[None]]:
    """A handler that answers with `replies`, or with the request's own body."""

    async def handle(delivery: Delivery) -> None:
        for body in replies or (delivery.message.body.decode(),):
            await answer(bus, delivery, body)

    return handle


async def answer(bus: Bus, request: Delivery, body: str) -> None:
    """Publish one answer to a request."""
    assert request.message.reply_to is not None
    reply = Message(body=body.encode(), type="reply", correlation_id=request.message.correlation_id)
    await bus.publish("", request.message.reply_to, reply)


async def round_trip(bus: Bus) -> None:
    """Publish on a private queue of the bus's own and receive it.

    What the broker delivered to this bus before has arrived then as well.
    """
    inbox = Inbox()
    subscription = await bus.consume(Queue(name="trip", kind=QueueKind.PRIVATE), inbox)
    await bus.publish("", subscription.queue_name, text("there and back"))
    await inbox.next()
    await subscription.cancel()
