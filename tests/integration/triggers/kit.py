"""Schedulers' triggers and apps on an in-process broker, a store, and a clock that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from kztasks.domain.databases import Patterns
from kztasks.store.mongo import MongoStore
from kztasks.triggers.due import MissedPolicy
from kztasks.triggers.handlers import Handlers
from kztasks.triggers.observer import Observer
from kztasks.triggers.service import NodeNow, Triggers
from tasks_bindings import App, AppRunner, Environment, TasksBindings
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery

PATIENCE_S: Final = 20.0


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  (any condition, also of other threads)
            await asyncio.sleep(0.001)


class SetClock:
    """A clock that stands still until a test moves it; it counts who has slept since."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._moved = asyncio.Event()
        self.sleeping = 0

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Until the clock was moved at all, as a sleep may be shorter than asked for."""
        del seconds
        moved = self._moved
        self.sleeping += 1
        try:
            await moved.wait()
        finally:
            self.sleeping -= moved is self._moved

    def set(self, now: float) -> None:
        """Be another time, which all sleepers notice."""
        self._now = now
        moved, self._moved = self._moved, asyncio.Event()
        self.sleeping = 0
        moved.set()


@dataclass
class RunningTriggers:
    """The triggers of one scheduler."""

    triggers: Triggers
    discovery: Discovery
    bus: MemoryBus
    node_id: str
    loop: asyncio.Task[None]
    is_alive: bool = True

    def knows(self, instance: str) -> bool:
        """Whether it has heard of an instance of an app."""
        known = {one.app.instance for one in self.discovery._directory.instances}
        return not self.is_alive or instance in known


@dataclass
class Site:
    """Everything of one test."""

    store: MongoStore
    clock: SetClock
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    nodes: list[RunningTriggers] = field(default_factory=list)
    apps: list[tuple[AppRunner, MemoryBus]] = field(default_factory=list)
    fenced: set[str] = field(default_factory=set)

    async def scheduler(
        self,
        *,
        missed: MissedPolicy = "late",
        timeout_s: float = 5.0,
        patterns: Patterns | None = None,
        interval_s: float = 86_400.0,
        unbound_s: float = 0.0,
        store: Any = None,
        observer: Observer | None = None,
    ) -> RunningTriggers:
        """Start another scheduler, which knows all apps before it first looks."""
        node_id = f"n{len(self.nodes)}"
        bus = MemoryBus(self.broker, name=node_id)
        await bus.start()
        directory = Directory()
        discovery = Discovery(bus, directory)
        await discovery.start()
        await eventually(lambda: len(directory.instances) == len(self.apps))
        await self.store.nodes.register(node_id, f"kztasks@{node_id}")
        triggers = Triggers(
            store or self.store.triggers,
            self.store.nodes,
            Handlers(
                store or self.store.triggers,
                TasksBindings(bus, directory),
                directory,
                discovery,
                timeout_s=timeout_s,
                unbound_s=unbound_s,
            ),
            self.clock,
            NodeNow(lambda: node_id, f"kztasks@{node_id}", lambda: node_id in self.fenced),
            patterns=patterns or Patterns(),
            missed_policy=missed,
            interval_s=lambda: interval_s,
            observer=observer,
        )
        loop = asyncio.create_task(triggers.run())
        running = RunningTriggers(triggers, discovery, bus, node_id, loop)
        self.nodes.append(running)
        await self.settled()
        return running

    async def app(self, app: App) -> AppRunner:
        """Start an instance of an app, and wait until all schedulers know it."""
        bus = MemoryBus(self.broker, name=app.name)
        await bus.start()
        runner = AppRunner(app, bus, Environment({}), beat_interval_s=0.1)
        await runner.start()
        instance = runner.identity.instance
        await eventually(lambda: all(node.knows(instance) for node in self.nodes))
        self.apps.append((runner, bus))
        return runner

    async def settled(self) -> None:
        """Every living scheduler has looked at the present time, and nothing runs."""
        await eventually(self._is_settled)

    async def go_to(self, now: float) -> None:
        """Set the clock, and wait until everything has happened that is due then."""
        self.clock.set(now)
        await self.settled()
        self.clock.set(now)  # what had to wait for the end of another firing
        await self.settled()

    async def kill(self, node: RunningTriggers) -> None:
        """As by kill -9: it records nothing more, and others see after a while that it is dead."""
        node.is_alive = False
        tasks = [node.loop, *node.triggers._running.values()]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await node.bus.close()
        await self.store.nodes.remove(node.node_id)

    async def close(self) -> None:
        """End everything."""
        for node in self.nodes:
            if node.is_alive:
                node.loop.cancel()
                await asyncio.gather(node.loop, return_exceptions=True)
                await node.triggers.close(0.1)
                await node.discovery.close()
                await node.bus.close()
        for runner, bus in self.apps:
            await runner.close(drain_s=0.1)
            await bus.close()

    def _is_settled(self) -> bool:
        living = [node for node in self.nodes if node.is_alive]
        idle = all(node.triggers.running == 0 for node in living)
        return idle and self.clock.sleeping == len(living)
