"""An app that speaks the wire protocol by hand and answers as badly as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from tasks_bindings.bus import Bus, Delivery, Message, Subscription
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import APPS_BEAT, HELP, instance_key
from tasks_bindings.wire.messages import (
    AppIdentity,
    Batch,
    Beat,
    CallReply,
    CallResult,
    HelpReply,
    MessageType,
    Metadata,
)
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind, app_queue

KEYS: Final = ("tasks.t.add", "tasks.t.output_header")


@dataclass(frozen=True)
class Request:
    """A batch that was received, and the way back."""

    batch: Batch
    _bus: Bus
    _delivery: Delivery

    def answer(self, **changes: Any) -> dict[str, Any]:
        """What a good app answers: each row's running sum; otherwise as `changes` say."""
        batch = self.batch
        total, returns = int(batch.data or 0), []
        for [cell] in batch.rows or []:
            total += int(cell or 0)
            returns.append({"row": {"sum": total}, "next": "data"})
        honest = {
            "v": 1,
            "task_id": batch.task_id,
            "epoch": batch.epoch,
            "seq": batch.seq,
            "attempt": batch.attempt,
            "hash": batch.hash,
            "app": {"name": "fake", "instance": "one", "version": "1"},
            "returns": returns,
            "data": str(total),
            "elapsed_ms": 0.1,
        }
        return honest | changes

    def lie(self, **changes: Any) -> dict[str, Any]:
        """An answer that would ruin the output if it were taken."""
        wrong = [{"row": {"sum": "wrong"}} for _ in self.batch.rows or []]
        return self.answer(**{"returns": wrong, "data": "1000000", **changes})

    async def reply(
        self, body: dict[str, Any] | bytes, kind: str = MessageType.BATCH_REPLY
    ) -> None:
        """Send something back."""
        request = self._delivery.message
        assert request.reply_to is not None
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        message = Message(body=encoded, type=kind, correlation_id=request.correlation_id)
        await self._bus.publish("", request.reply_to, message)


Script = Callable[[Request], Awaitable[None]]


class FakeApp:
    """Serves `tasks.t.add` with the columns n, sum and error.

    Args:
        bus: its connection.
        script: called with each batch.
    """

    def __init__(self, bus: Bus, script: Script) -> None:
        self._bus = bus
        self._script = script
        self._identity = AppIdentity(name="fake", instance=uuid4().hex, version="1")
        self._beats: asyncio.Task[None] | None = None
        self._work: Subscription | None = None

    async def start(self) -> None:
        """Announce the app and take work."""
        keys = (HELP, instance_key(self._identity.instance))
        control = Queue(
            name="fake",
            kind=QueueKind.PRIVATE,
            bindings=tuple(Binding(BINDINGS.name, key) for key in keys),
        )
        await self._bus.consume(control, self._on_help)
        await self.take_work()
        self._beats = asyncio.create_task(self._beat())

    async def take_work(self) -> None:
        """Consume what is in the work queue."""
        self._work = await self._bus.consume(app_queue("fake", KEYS, prefetch=5), self._on_work)

    async def take_no_work(self) -> None:
        """Leave in the work queue what comes; beat on."""
        if self._work is not None:
            await self._work.cancel()

    async def stop(self) -> None:
        """Be silent from now on."""
        if self._beats is not None:
            self._beats.cancel()
        await self._bus.close()

    async def _beat(self) -> None:
        message = Message(
            body=codec.encode(Beat(app=self._identity, digest="d")), type=MessageType.BEAT
        )
        while True:
            await self._bus.publish(BINDINGS.name, APPS_BEAT, message, mandatory=False)
            await asyncio.sleep(0.1)

    async def _on_help(self, delivery: Delivery) -> None:
        metadata = Metadata(
            description="d", expected_content="text/csv", mandatory=("n",), wait_after_row_ms=0
        )
        reply = HelpReply(
            app=self._identity, help={"t": {"add": metadata}}, bindings=KEYS, digest="d"
        )
        await self._answer(delivery, MessageType.HELP_REPLY, codec.encode(reply))

    async def _on_work(self, delivery: Delivery) -> None:
        if delivery.message.type == MessageType.CALL:
            header = CallResult(value={"add": ["sum", "error"]})
            reply = CallReply(app=self._identity, results=(header,))
            await self._answer(delivery, MessageType.CALL_REPLY, codec.encode(reply))
            return
        batch = codec.decode(delivery.message.body, Batch)
        await self._script(Request(batch, self._bus, delivery))

    async def _answer(self, delivery: Delivery, kind: str, body: bytes) -> None:
        request = delivery.message
        assert request.reply_to is not None
        message = Message(body=body, type=kind, correlation_id=request.correlation_id)
        await self._bus.publish("", request.reply_to, message)
