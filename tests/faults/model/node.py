"""One scheduler of the model: the real one, on a database and a bus that answer when told to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from inspect import signature
from types import SimpleNamespace
from typing import Any, Final, cast

from pymongo.errors import AutoReconnect, PyMongoError

from kztasks.domain.task import Task
from kztasks.errors import NotFound, Unavailable
from kztasks.run_time import RunTimeSettings
from kztasks.scheduler.service import Scheduler
from kztasks.settings import Settings
from kztasks.store.mongo.aftermath import MongoAftermath
from kztasks.store.mongo.errors import translated
from kztasks.store.mongo.log import MongoLog
from kztasks.store.mongo.tasks import MongoTasks
from kztasks.store.records import Node
from tests.faults.model.app import HELP, ModelApp, ModelBus
from tests.faults.model.collection import Collection, Documents
from tests.faults.model.loop import ModelLoop

AT_ONCE: Final = RunTimeSettings(
    wait_after_row_ms=0,
    send_progress_after_processed=1,
    pause_between_upload_output_attempts_s=0,
    attempt_upload_output_times=1000,
)


class Answer(Enum):
    """How an operation of the database ends."""

    GOOD = auto()
    LOST = auto()
    """It was done, and nobody is told."""
    FAILED = auto()
    """It was not done."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a scheduler waits for."""

    name: str
    do: Callable[[], Any]
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all schedulers have in common; `acting` is the one whose operation is being done."""

    loop: ModelLoop
    tasks: Documents
    log: Documents
    files: dict[str, bytes]
    app: ModelApp
    settings: Settings
    acting: list[ModelNode]
    alive: Callable[[], list[str]]
    broken: list[str]
    """Promises that were broken."""


class ModelNode:
    """A scheduler that runs until `kill`."""

    def __init__(self, name: str, shared: Shared) -> None:
        self.name: Final = name
        self._shared = shared
        self.operations: Final[deque[Operation]] = deque()
        self.is_dead = False
        self.bus: Final = ModelBus(shared.app)
        files = _Files(shared.files, self._gate)
        log = MongoLog(cast("Any", Collection(shared.log, self._gate)))
        documents = Collection(shared.tasks, self._gate)
        tasks, aftermath = task_store(documents), MongoAftermath(cast("Any", documents))
        self.tasks: Final = tasks
        store = SimpleNamespace(
            tasks=tasks, log=log, files=files, nodes=_Nodes(shared.alive), aftermath=aftermath
        )
        settings = shared.settings.model_copy(update={"node": f"kztasks@{name}"})
        self.scheduler: Final = Scheduler(settings, cast("Any", store), cast("Any", self.bus))
        self.scheduler.run_time.current = AT_ONCE
        self.scheduler.life.node_id = name
        self.scheduler.life._beaten_at = float("inf")
        self.scheduler.directory.heard_help(HELP, shared.loop.time())
        self._asking: list[asyncio.Task[None]] = []
        self._looking: asyncio.Task[None] | None = None
        self._rounds = shared.loop.spawn(self.scheduler._owned_rounds.run())

    @property
    def runs_tasks(self) -> bool:
        """Whether it has a task."""
        return len(self.scheduler._owned) > 0

    @property
    def is_at_work(self) -> bool:
        """Whether it has a task, or is about to get one."""
        return self.runs_tasks or any(not one.done() for one in self._asking)

    def start(self, task_id: str) -> None:
        """Be asked to start the task."""
        self._spawn(self.scheduler.operations.start(task_id))

    def take_over(self, task: Task) -> None:
        """Take the task from the owner in the document that it has read, dead or not."""
        if task.owner is not None and task.owner.node != self.name:
            self._spawn(self.scheduler._take_over(task))

    def look_around(self) -> None:
        """Look for tasks that nobody runs, as it does every second."""
        if self._looking is None or self._looking.done():
            self._looking = self._spawn(self.scheduler._observe())

    def leave(self) -> None:
        """Give back what it runs."""
        for runner, _ in list(self.scheduler._owned._running.values()):
            runner.leave()
        self._shared.loop.settle()

    def hint(self) -> None:
        """Be told over the bus that what it runs is to stop."""
        for task_id in list(self.scheduler._owned._running):
            self._spawn(self.scheduler._owned.stop(task_id, 0))

    def answer(self, how: Answer) -> None:
        """Let its oldest operation end."""
        operation = self.operations.popleft()
        if operation.future.done():
            return
        try:
            if how is Answer.FAILED:
                raise AutoReconnect("not done")
            self._shared.acting.append(self)
            try:
                result = operation.do()
            finally:
                self._shared.acting.pop()
            if how is Answer.LOST:
                raise AutoReconnect("the answer was lost")
        except AssertionError as error:
            self._shared.broken.append(str(error))
            raise
        except (PyMongoError, NotFound) as error:
            operation.future.set_exception(error)
        else:
            operation.future.set_result(result)
        self._shared.loop.settle()

    def kill(self) -> None:
        """Be gone: whatever is tried afterwards has no effect."""
        self.is_dead = True
        unanswered = list(self.operations)
        self.operations.clear()
        for task in (
            self._rounds,
            *self._asking,
            *(run for _, run in self.scheduler._owned._running.values()),
        ):
            task.cancel()
        self._shared.loop.settle()
        for operation in (*unanswered, *self.operations):
            operation.future.cancel()
        self._shared.loop.settle()

    def _spawn(self, work: Awaitable[object]) -> asyncio.Task[None]:
        task = self._shared.loop.spawn(_tried(work))
        self._asking = [one for one in (*self._asking, task) if not one.done()]
        return task

    async def _gate(self, name: str, do: Callable[[], Any]) -> Any:
        if self.is_dead:
            raise asyncio.CancelledError
        future: asyncio.Future[Any] = self._shared.loop.create_future()
        self.operations.append(Operation(name, do, future))
        return await future


async def _tried(work: Awaitable[object]) -> None:
    """Whoever asked is told that the database is away, and asks again."""
    with suppress(Unavailable):
        await work


def task_store(collection: Collection) -> MongoTasks:
    """The store of task documents; what it needs to delete tasks is not there."""
    others = len(signature(MongoTasks).parameters) - 1
    return MongoTasks(cast("Any", collection), *[cast("Any", None)] * others)


class _Nodes:
    """`NodeStore`: whoever is not killed is alive, and everybody knows it."""

    def __init__(self, alive: Callable[[], list[str]]) -> None:
        self._alive = alive
        self._beat = 0

    async def all(self) -> list[Node]:
        self._beat += 1
        return [Node(name, name, self._beat) for name in self._alive()]


class _Files:
    """`FileStore` in memory; what is written is there with the commit."""

    def __init__(self, contents: dict[str, bytes], gate: Callable[..., Any]) -> None:
        self._contents = contents
        self._gate = gate

    @asynccontextmanager
    async def upload(self, file_id: str, _name: str) -> AsyncIterator[_Upload]:
        yield _Upload(self._contents, file_id, self._gate)

    async def download(
        self, file_id: str, *, offset: int = 0, size: int | None = None
    ) -> _Download:
        with translated("reading a file"):
            content = await self._gate("download", lambda: self._contents[file_id])
        return _Download(content[offset:])

    async def delete(self, file_id: str) -> None:
        with translated("removing a file"):
            await self._gate("delete", lambda: self._contents.pop(file_id, None))


class _Upload:
    def __init__(self, contents: dict[str, bytes], file_id: str, gate: Callable[..., Any]) -> None:
        self._contents = contents
        self._file_id = file_id
        self._gate = gate
        self._written = b""

    async def write(self, data: bytes) -> None:
        self._written += data

    async def commit(self) -> None:
        with translated("storing a file"):
            await self._gate("store", self._keep)

    def _keep(self) -> None:
        self._contents[self._file_id] = self._written


class _Download:
    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return len(self._content)

    async def read(self, size: int) -> bytes:
        data, self._content = self._content[:size], self._content[size:]
        return data
