"""Apps and a scheduler's eyes, on either transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from kztasks.scheduler.claims import ClaimTeller
from tasks_bindings import App, AppRunner, Category, Context, Environment, Row, ok
from tasks_bindings.bus import Bus
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery
from tests.contract.bus.conftest import Transport

PATIENCE_S: Final = 12.0


def an_app(name: str, description: str = "A sample") -> App:
    """An app that serves `cat.act`."""
    category = Category("cat")

    @category.csv_action("act", description=description, mandatory=["a"])
    def act(_context: Context, _data: object, _row: Row) -> object:
        return ok()

    return App(name, category)


class Scheduler:
    """The part of a scheduler that knows which apps are there."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.directory = Directory()
        self.discovery = Discovery(bus, self.directory)
        self._teller = ClaimTeller(bus, self.directory, self.discovery)
        self._telling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.discovery.start()
        self._telling = asyncio.create_task(self._teller.run())

    async def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        await self.discovery.close()

    def serving(self) -> set[str | None]:
        """The apps that rows of `cat.act` go to."""
        return {self.directory.app_for("cat", "act") for _ in range(4)}


class Site:
    """Schedulers and apps of one test."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._schedulers: list[Scheduler] = []
        self._runners: list[AppRunner] = []

    async def scheduler(self) -> Scheduler:
        scheduler = Scheduler(await self._transport.bus("scheduler"))
        self._schedulers.append(scheduler)
        await scheduler.start()
        return scheduler

    async def run(self, app: App) -> AppRunner:
        runner = AppRunner(app, await self._transport.bus(app.name), Environment({}))
        self._runners.append(runner)
        await runner.start()
        return runner

    async def close(self) -> None:
        for scheduler in self._schedulers:
            await scheduler.close()
        for runner in self._runners:
            if not runner.not_ready:
                await runner.close()


async def within(seconds: float, holds: Callable[[], bool]) -> float:
    """Wait until something holds; the seconds that it took. Fails when it takes longer."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (what is waited for has no event)
            await asyncio.sleep(0.01)
    return time.monotonic() - started
