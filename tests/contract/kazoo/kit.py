"""A scheduler whose answers are written down, and a Crossbar made of plain JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from kztasks.domain.task import Task
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from tasks_bindings.bus import Bus, Delivery, Message
from tasks_bindings.wire.messages import Help, Metadata
from tasks_bindings.wire.topology import (
    KAZOO_TARGETED,
    KAZOO_TASKS,
    Binding,
    Queue,
    QueueKind,
)
from tests.contract.bus.kit import PATIENCE_S

HELP: Help = {
    "skel": {
        "id2": Metadata(
            description="The identity task",
            doc="Every row comes back.",
            expected_content="text/csv",
            mandatory=("col1", "col2"),
        ),
        "tick": Metadata(description="Takes nothing"),
    }
}


def a_task(task_id: str = "e5c92c4b50bcec520d5d7e1ce1b869") -> Task:
    """A pending task."""
    return Task(
        id=task_id,
        account_id="a" * 32,
        auth_account_id="b" * 32,
        category="skel",
        action="id2",
        created=63_900_000_000,
        modified=63_900_000_000,
        total_rows=2,
    )


class ScriptedOperations:
    """`Operations` that answer what they were told to, and remember what they were asked."""

    def __init__(self, help_: Help | None = None) -> None:
        self.help = HELP if help_ is None else help_
        self.start_answer: Task | StartRefusal = a_task()
        self.stop_answer: Task | StopRefusal = a_task()
        self.remove_answer: Task | RemoveRefusal = a_task()
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.ended = 0
        self.asked: list[tuple[str | None, ...]] = []

    async def lookup(self, category: str | None, action: str | None) -> Help:
        self._note("lookup", category, action)
        if category is None:
            return self.help
        actions = self.help.get(category, {})
        found = {name: data for name, data in actions.items() if action in {None, name}}
        return {category: found} if found else {}

    async def start(self, task_id: str) -> Task | StartRefusal:
        self._note("start", task_id)
        await self._pass()
        return self.start_answer

    async def stop(self, task_id: str) -> Task | StopRefusal:
        self._note("stop", task_id)
        await self._pass()
        return self.stop_answer

    async def remove(self, task_id: str) -> Task | RemoveRefusal:
        self._note("remove", task_id)
        return self.remove_answer

    async def _pass(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        self.ended += 1

    def _note(self, *call: str | None) -> None:
        self.asked.append(call)
        if self.error is not None:
            raise self.error


class Crossbar:
    """A requester that knows JSON and nothing of our code."""

    def __init__(self, bus: Bus, server_id: str = "kazoo@h1-kz_amqp_worker-<0.22.0>-1a2b") -> None:
        self._bus = bus
        self.server_id = server_id
        self._inbox: asyncio.Queue[Delivery] = asyncio.Queue()

    async def open(self, key: str | None = None) -> None:
        """Listen on `targeted` under `key`, or under the server id."""
        binding = Binding(KAZOO_TARGETED.name, key or self.server_id)
        queue = Queue(name="crossbar", kind=QueueKind.PRIVATE, bindings=(binding,), prefetch=10)

        async def keep(delivery: Delivery) -> None:
            self._inbox.put_nowait(delivery)

        await self._bus.consume(queue, keep)

    def request(self, event: str, **keys: Any) -> dict[str, Any]:
        """A request as Crossbar writes it; `Task_ID` is `Task-ID`."""
        named = {key.replace("_", "-"): value for key, value in keys.items()}
        return {
            "Event-Category": "tasks",
            "Event-Name": f"{event}_req",
            "App-Name": "crossbar",
            "App-Version": "4.0.0",
            "Msg-ID": "9f1c0b7a55d2e431",
            "Server-ID": self.server_id,
            "Node": "kazoo_apps@h1.example.com",
            **named,
        }

    async def send(
        self, key: str, body: bytes, content_type: str | None = "application/json"
    ) -> None:
        """Publish bytes to the exchange `tasks`."""
        await self._bus.publish(
            KAZOO_TASKS.name, key, Message(body=body, content_type=content_type)
        )

    async def ask(self, event: str, **keys: Any) -> dict[str, Any]:
        """Send a request and take the next reply."""
        await self.send(f"tasks.{event}", json.dumps(self.request(event, **keys)).encode())
        reply: dict[str, Any] = json.loads((await self.next()).message.body)
        return reply

    async def next(self) -> Delivery:
        """The next message that was addressed to this requester."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._inbox.get()
