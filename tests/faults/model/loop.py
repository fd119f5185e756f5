"""An event loop without a clock and without sockets: what runs next is the model's choice.

Real code of the scheduler runs on it, several owners side by side, one step at a time. Timers are
due when the model says so. Threads do not exist: what would go to one is done on the spot.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Final, TypeVar

T = TypeVar("T")

MOST_STEPS: Final = 200_000
"""So many callbacks without a pause are no progress but a loop."""


class _NoSelector:
    """Nothing ever comes from outside."""

    def select(self, timeout: float | None = None) -> list[object]:
        return []

    def close(self) -> None:
        return


class ModelLoop(asyncio.BaseEventLoop):
    """Runs what is ready; time stands still until `pass_time`."""

    newest: ClassVar[ModelLoop]
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _run_once: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        ModelLoop.newest = self
        self._now = 1000.0
        self._selector = _NoSelector()
        self.defects: Final[list[str]] = []
        """What nobody has caught."""
        self.set_exception_handler(self._defect)

    def time(self) -> float:
        """Seconds, as the model wants them to be."""
        return self._now

    def settle(self) -> None:
        """Run until everybody waits: for an answer, or for time to pass."""
        asyncio._set_running_loop(self)
        try:
            for _ in range(MOST_STEPS):
                if not self._is_due():
                    return
                self._run_once()
        finally:
            asyncio._set_running_loop(None)
        raise AssertionError("the code runs in circles without waiting for anything")

    def pass_time(self) -> bool:
        """Let the next timer be due, and run what it sets off; false if there is none."""
        timers = [handle.when() for handle in self._scheduled if not handle.cancelled()]
        if not timers:
            return False
        self._now = max(self._now, min(timers))
        self.settle()
        return True

    def run_in_executor(  # type: ignore[override]  # of a thread's result, here at once
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Do it now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  (handed to whoever asked)
            future.set_exception(error)
        return future

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a coroutine, and run it as far as it comes."""
        task = self.create_task(work)
        self.settle()
        return task

    def finish(self, work: Awaitable[T]) -> T:
        """Run a coroutine that waits for nobody; its result."""
        task = asyncio.ensure_future(work, loop=self)
        self.settle()
        return task.result()

    def _is_due(self) -> bool:
        first = self._scheduled[0] if self._scheduled else None
        return bool(self._ready) or (first is not None and first.when() <= self._now)

    def _process_events(self, event_list: list[object]) -> None:
        return

    def _write_to_self(self) -> None:
        return

    def _defect(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.defects.append(f"{context.get('message')}: {context.get('exception')!r}")


@contextmanager
def model_time(modules: Iterable[ModuleType]) -> Iterator[None]:
    """The modules take their time from the newest loop."""
    there = [module for module in modules if getattr(module, "time", None) is time]
    clock = SimpleNamespace(monotonic=_model_now, time=_model_now, perf_counter=_model_now)
    for module in there:
        vars(module)["time"] = clock
    try:
        yield
    finally:
        for module in there:
            vars(module)["time"] = time


def _model_now() -> float:
    return ModelLoop.newest.time()
