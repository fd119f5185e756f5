"""Schedulers and apps of a test's own, on an in-process broker and a store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from kztasks.csvio import CsvReader, encode_rows
from kztasks.domain.task import InputFile, Task, new_task_id
from kztasks.scheduler.service import Scheduler
from kztasks.settings import Settings
from kztasks.store.interface import Store
from tasks_bindings import App, AppRunner, Environment
from tasks_bindings.bus.memory import MemoryBroker, MemoryBus

PATIENCE_S: Final = 20.0
"""How long a test waits for what has to happen; only a failing one waits so long."""
ACCOUNT: Final = "a" * 32
AUTH_ACCOUNT: Final = "b" * 32
NODE_TTL_S: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class RunningScheduler:
    """A scheduler process, as far as bus and store can tell."""

    scheduler: Scheduler
    bus: MemoryBus

    async def start(self, task_id: str) -> Task:
        """Start a task here, as Kazoo's nodes ask for it."""
        started = await self.scheduler.operations.start(task_id)
        assert isinstance(started, Task)
        return started

    async def freeze(self) -> None:
        """Die as by kill -9: nothing is finished, nothing given back, nobody is told."""
        scheduler = self.scheduler
        beating = [one for one in (scheduler._beats, *scheduler._rounds) if one is not None]
        running = [run for _, run in scheduler._owned._running.values()]
        for one in (*beating, *running):
            one.cancel()
        await asyncio.gather(*beating, *running, return_exceptions=True)
        await self.bus.close()

    async def close(self) -> None:
        """Leave in good order."""
        await self.scheduler.close()
        await self.bus.close()


@dataclass(frozen=True)
class RunningApp:
    """An instance of an app."""

    runner: AppRunner
    bus: MemoryBus

    async def told(self) -> None:
        """Wait until it was asked to end what it runs after the present row."""
        runs = self.runner._dispatcher.overdue.runs
        await eventually(lambda: any(run.cancel.is_set for run in runs))

    async def die(self) -> None:
        """Be gone as by kill -9: what it held goes back to the broker."""
        if self.runner._beats is not None:
            self.runner._beats.cancel()
        await self.bus.close()

    async def close(self) -> None:
        """Leave in good order."""
        await self.runner.close(drain_s=1.0)
        await self.bus.close()


@dataclass
class Engine:
    """Starts processes, submits tasks and waits for their ends.

    Args:
        store: where tasks, log and files are.
        folder: for local outputs.
    """

    store: Store
    folder: Path
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    started: list[RunningScheduler | RunningApp] = field(default_factory=list)

    async def scheduler(self, *, store: Any = None, **settings: Any) -> RunningScheduler:
        """Start a scheduler; its settings beat and watch ten times as fast as the defaults."""
        name = f"s{len(self.started)}"
        bus = await self.bus(name)
        quick: dict[str, Any] = {
            "node": f"kztasks@{name}",
            "output_folder": self.folder,
            "beat_s": 0.1,
            "fence_s": 0.5,
            "node_ttl_s": NODE_TTL_S,
            "batch_work_ms": 200,
            "drain_s": 0.2,
        }
        scheduler = Scheduler(Settings(**quick | settings), store or self.store, bus)
        await scheduler.start()
        running = RunningScheduler(scheduler, bus)
        self.started.append(running)
        return running

    async def app(self, app: App) -> RunningApp:
        """Start an instance of an app."""
        bus = await self.bus(f"a{len(self.started)}")
        runner = AppRunner(app, bus, Environment({}), beat_interval_s=0.1)
        await runner.start()
        running = RunningApp(runner, bus)
        self.started.append(running)
        return running

    async def bus(self, name: str) -> MemoryBus:
        """A connection to the broker."""
        bus = MemoryBus(self.broker, name=name)
        await bus.start()
        return bus

    async def submit(self, action: str, csv: bytes | None = None, **changes: Any) -> str:
        """Store a pending task and its input; its id."""
        task_id = new_task_id()
        file, total = None, None
        if csv is not None:
            file, total = described(f"{task_id}/in.csv", csv)
            async with self.store.files.upload(file.file_id, "in.csv") as upload:
                await upload.write(csv)
                await upload.commit()
        task: dict[str, Any] = {
            "id": task_id,
            "account_id": ACCOUNT,
            "auth_account_id": AUTH_ACCOUNT,
            "category": "t",
            "action": action,
            "created": 63_900_000_000,
            "modified": 63_900_000_000,
            "total_rows": total,
            "input": file,
        }
        await self.store.tasks.insert(Task(**task | changes))
        return task_id

    async def task(self, task_id: str) -> Task:
        """The task's document."""
        task = await self.store.tasks.get(task_id)
        assert task is not None
        return task

    async def ended(self, task_id: str) -> Task:
        """Wait for a task's final status."""
        return await self.until(task_id, lambda task: task.status.is_final)

    async def until(self, task_id: str, wanted: Callable[[Task], object]) -> Task:
        """Wait until a task's document says something."""

        async def look() -> Task | None:
            task = await self.task(task_id)
            return task if wanted(task) else None

        return await seen(look)

    async def committed(self, task_id: str, rows: int) -> None:
        """Wait until so many rows of a task are in its log."""

        async def look() -> bool:
            head = await self.store.log.head(task_id)
            return head is not None and head.row >= rows

        await seen(look)

    async def begun(self, task_id: str) -> None:
        """Wait until a task has a log."""
        await seen(lambda: self.store.log.head(task_id))

    async def closed(self, task_id: str) -> None:
        """Wait until the log of a task is complete."""

        async def look() -> bool:
            head = await self.store.log.head(task_id)
            return head is not None and head.is_end

        await seen(look)

    async def output(self, task_id: str) -> bytes:
        """The stored `out.csv`, which is what the document says of it."""
        task = await self.task(task_id)
        assert task.output is not None, task
        download = await self.store.files.download(task.output.file_id)
        content = b""
        while piece := await download.read(1 << 20):
            content += piece
        assert len(content) == task.output.size
        return content

    @property
    def schedulers(self) -> list[RunningScheduler]:
        """All schedulers, the first one started in front."""
        return [one for one in self.started if isinstance(one, RunningScheduler)]

    async def run(self, action: str, csv: bytes | None = None) -> tuple[Task, bytes]:
        """Submit and start a task with the first scheduler; its end and its output."""
        task_id = await self.submit(action, csv)
        await self.schedulers[0].start(task_id)
        return await self.ended(task_id), await self.output(task_id)

    async def close(self) -> None:
        """End all that was started, the last one first."""
        for one in reversed(self.started):
            await one.close()


def described(file_id: str, csv: bytes) -> tuple[InputFile, int]:
    """What a front finds out about an `in.csv` while it is uploaded: the file and its rows."""
    reader = CsvReader()
    reader.feed(csv)
    reader.close()
    header = reader.read_header()
    assert header is not None
    while not reader.at_end:
        reader.take(10_000)
    file = InputFile(
        file_id=file_id,
        columns=tuple(header.names),
        size=len(csv),
        body_offset=header.size,
        body_line=header.next_line,
        sha256="",
    )
    return file, reader.row_number


def table(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> bytes:
    """A CSV as the product writes it."""
    return encode_rows([list(columns), *map(list, rows)])


def numbers(rows: int) -> bytes:
    """An input with the column n: 1, 2, 3, ..."""
    return table(["n"], [[str(number)] for number in range(1, rows + 1)])


async def seen(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something to see."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"not seen within {PATIENCE_S:g} s")


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nothing announces."""

    async def look() -> bool:
        return holds()

    await seen(look)
