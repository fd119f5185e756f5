"""An app that is not made with our code: it answers with whatever it was told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tasks_bindings.bus import Bus, Delivery, Message
from tasks_bindings.wire.messages import Metadata
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind

METADATA: Final = Metadata(description="A sample", expected_content="text/csv", mandatory=("a",))


class StubApp:
    """Serves one action under its name.

    Args:
        bus: with a session.
        name: of the app.
        says: fields of its `help_reply` beside those that every app sends.
        metadata: of its action.
        action: its category and name.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        says: Mapping[str, Any] | None = None,
        *,
        metadata: Metadata = METADATA,
        action: tuple[str, str] = ("cat", "act"),
    ) -> None:
        self._bus = bus
        self._name = name
        self._says = says or {}
        self._metadata = metadata
        self._action = action
        self.slowness_s = 0.0
        self.answers: Sequence[tuple[str, bytes]] = ()
        self.asked: list[dict[str, Any]] = []
        self.was_asked = asyncio.Event()

    async def start(self) -> None:
        """Answer from now on."""
        category, action = self._action
        keys = ("tasks.*.help.*", f"{self._name}.tasks.{category}.{action}")
        bindings = tuple(Binding(BINDINGS.name, key) for key in keys)
        queue = Queue(name="stub", kind=QueueKind.PRIVATE, bindings=bindings, prefetch=20)
        await self._bus.consume(queue, self._heard)

    def answer(self, kind: str, **content: Any) -> None:
        """Answer the next requests so, the last one with whatever is told last."""
        self.answers = [*self.answers, (kind, json.dumps(content).encode())]

    async def _heard(self, delivery: Delivery) -> None:
        if delivery.message.type == "help":
            await asyncio.sleep(self.slowness_s)
            await self._send(delivery, "help_reply", json.dumps(self._help()).encode())
            return
        self.asked.append(json.loads(delivery.message.body))
        self.was_asked.set()
        if self.answers:
            at = min(len(self.asked), len(self.answers)) - 1
            await self._send(delivery, *self.answers[at])

    async def _send(self, delivery: Delivery, kind: str, body: bytes) -> None:
        asked = delivery.message
        assert asked.reply_to is not None
        message = Message(body=body, type=kind, correlation_id=asked.correlation_id)
        await self._bus.publish("", asked.reply_to, message)

    def _help(self) -> dict[str, Any]:
        category, action = self._action
        served = {category: {action: self._metadata.model_dump(mode="json", exclude_none=True)}}
        return {
            "v": 1,
            "app": self.identity,
            "digest": "d",
            "help": served,
            "bindings": [f"tasks.{category}.{action}"],
            **self._says,
        }

    @property
    def identity(self) -> dict[str, str]:
        """How it calls itself."""
        return {"name": self._name, "instance": f"{self._name}-1", "version": "1"}
