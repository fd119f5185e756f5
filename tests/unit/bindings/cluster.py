"""Apps and their callers on an in-process broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from tasks_bindings import App, AppRunner, Environment, TasksBindings
from tasks_bindings.bus import Delivery, Message
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery
from tasks_bindings.sdk.overdue import STUCK_GRACE_S
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import action_key
from tasks_bindings.wire.messages import Batch, MessageType
from tasks_bindings.wire.topology import BINDINGS, Binding, Queue, QueueKind, addressed

PATIENCE_S: Final = 10.0
"""How long a test waits for what has to happen; only a failing one waits so long."""
BEAT_S: Final = 0.05
SILENCE_S: Final = 0.5

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Running:
    """A process of an app."""

    runner: AppRunner
    bus: MemoryBus

    async def leave(self) -> bool:
        """End in good order; whether its batches ended."""
        drained = await self.runner.close(drain_s=PATIENCE_S)
        await self.bus.close()
        return drained

    async def die(self) -> None:
        """End as by a kill: no farewell, and what it held goes back."""
        beats = self.runner._beats
        assert beats is not None
        beats.cancel()
        await self.bus.close()


class Heard:
    """A handler that keeps what it gets, in order."""

    def __init__(self) -> None:
        self._deliveries: asyncio.Queue[Delivery] = asyncio.Queue()

    async def __call__(self, delivery: Delivery) -> None:
        self._deliveries.put_nowait(delivery)

    async def next(self, kind: MessageType, model: type[M]) -> M:
        """The next message of a type; others are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = (await self._deliveries.get()).message
                if message.type == kind:
                    return codec.decode(message.body, model)


class Cluster:
    """A broker and all that is connected to it."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.directory = Directory()
        self.bus = MemoryBus(self.broker, name="caller")
        self.bindings = TasksBindings(self.bus, self.directory, timeout_s=PATIENCE_S)
        self.discovery = Discovery(self.bus, self.directory, silence_limit_s=SILENCE_S)
        self._apps: list[Running] = []

    async def start(self) -> None:
        await self.bus.start()

    async def close(self) -> None:
        await self.discovery.close()
        for app in self._apps:
            await app.die()
        await self.bus.close()

    async def run(
        self,
        app: App,
        *,
        beat_s: float = BEAT_S,
        stuck_grace_s: float = STUCK_GRACE_S,
        **variables: str,
    ) -> Running:
        """Start an instance of an app."""
        bus = MemoryBus(self.broker, name=app.name)
        await bus.start()
        runner = AppRunner(
            app,
            bus,
            Environment(variables),
            beat_interval_s=beat_s,
            stuck_grace_s=stuck_grace_s,
        )
        await runner.start()
        running = Running(runner, bus)
        self._apps.append(running)
        return running

    async def serve(self, *apps: App) -> list[Running]:
        """Start apps, and wait until they were discovered in this order."""
        if self.discovery._subscription is None:
            await self.discovery.start()
        running = []
        for app in apps:
            running.append(await self.run(app))
            count = len(running)
            await self.until(lambda count=count: len(self.directory.instances) == count)  # type: ignore[misc]
        return running

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the directory is such that something holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.discovery.wait_for_change(PATIENCE_S)

    async def listen(self, *keys: str) -> Heard:
        """Hear what goes to these keys."""
        heard = Heard()
        bindings = tuple(Binding(BINDINGS.name, key) for key in keys)
        await self.bus.consume(
            Queue(name="heard", kind=QueueKind.PRIVATE, bindings=bindings, prefetch=10), heard
        )
        return heard

    async def send(self, batch: Batch, *, app: str = "sample") -> list[Message]:
        """Send a batch to an app: all answers, the last of them the final one."""
        return await self.ask(app, action_key(batch.category, batch.action), batch)

    async def ask(
        self, app: str, key: str, request: BaseModel, kind: MessageType = MessageType.BATCH
    ) -> list[Message]:
        """Send a request to an app: all answers, the last of them the final one."""
        return await self.ask_raw(addressed(app, key), codec.encode(request), kind)

    async def ask_raw(self, routing_key: str, body: bytes, kind: str) -> list[Message]:
        """Send any bytes under any type: all answers, the last of them the final one."""
        message = Message(body=body, type=kind)
        answers: list[Message] = []
        async with self.bus.call(BINDINGS.name, routing_key, message) as call:
            while not answers or answers[-1].type == MessageType.PROGRESS:
                answers.append((await call.receive(PATIENCE_S)).message)
        return answers


def decoded(messages: list[Message], model: type[M]) -> M:
    """The final answer, as what it has to be."""
    return codec.decode(messages[-1].body, model)


def values(results: list[Any]) -> list[Any]:
    """Values of responders, or the types of their crashes."""
    return [one.crash.type if one.crash is not None else one.value for one in results]
