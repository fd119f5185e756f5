"""Say in the log what every asyncio task and every thread is doing, when SIGUSR1 asks for it.

Ten thousand tasks that wait at the same place are one line. The lines are logged by a thread of
their own, so that they come even while the event loop is stuck.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

MOST_STACKS: Final = 100
MOST_FRAMES: Final = 25
MOST_NAMES: Final = 5
MOST_CHARS: Final = 4000
"""Of one stack; with `MOST_STACKS` it bounds what one signal writes to the log."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where some tasks, or threads, stand; outermost frame first."""

    kind: str
    count: int
    names: tuple[str, ...]
    frames: str


def dump_stacks_on_signal() -> None:
    """From now on SIGUSR1 logs the stacks of this process. Call it in the running event loop."""
    loop = asyncio.get_running_loop()

    def dump(_number: int, _frame: FrameType | None) -> None:
        stacks = [*stacks_of_tasks(loop), *stacks_of_threads()]
        threading.Thread(target=_tell, args=(stacks,), name="stacks", daemon=True).start()

    signal.signal(signal.SIGUSR1, dump)


def stacks_of_tasks(loop: asyncio.AbstractEventLoop) -> list[Stack]:
    """The stacks of all tasks of a loop, the most frequent first."""
    return _grouped("task", ((each.get_name(), _await_chain(each)) for each in _tasks_of(loop)))


def stacks_of_threads() -> list[Stack]:
    """The stacks of all threads of this process."""
    names = {each.ident: each.name for each in threading.enumerate()}
    frames = sys._current_frames()  # noqa: SLF001  (the only way to them, and documented)
    return _grouped(
        "thread",
        ((names.get(ident, str(ident)), list(_outwards(top))) for ident, top in frames.items()),
    )


def _tasks_of(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[object]]:
    return {each for each in asyncio.all_tasks(loop) if not each.done()}


def _await_chain(task: asyncio.Task[object]) -> list[FrameType]:
    """The frames of the coroutines that wait for each other; `Task.get_stack` has only the first.

    Innermost first.
    """
    frames: list[FrameType] = []
    awaited: object = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if isinstance(frame, FrameType):
            frames.append(frame)
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return frames[::-1]


def _outwards(top: FrameType) -> Iterator[FrameType]:
    frame: FrameType | None = top
    while frame is not None:
        yield frame
        frame = frame.f_back


def _grouped(kind: str, stacks: Iterable[tuple[str, list[FrameType]]]) -> list[Stack]:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, frames in stacks:
        names[_shown(frames)].append(name)
    grouped = [
        Stack(kind, len(those), tuple(those[:MOST_NAMES]), frames)
        for frames, those in names.items()
    ]
    return sorted(grouped, key=lambda one: -one.count)


def _shown(innermost_first: list[FrameType]) -> str:
    """The innermost frames, as a traceback shows them, without reading any source file."""
    shown = [
        f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
        for frame in innermost_first[:MOST_FRAMES]
    ]
    return "\n".join(reversed(shown))[-MOST_CHARS:]


def _tell(stacks: list[Stack]) -> None:
    for one in stacks[:MOST_STACKS]:
        _log.warning(
            "stack", kind=one.kind, count=one.count, names=one.names, frames=one.frames.split("\n")
        )
    _log.warning("stacks_dumped", stacks=len(stacks), left_out=max(0, len(stacks) - MOST_STACKS))
