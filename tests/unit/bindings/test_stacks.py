"""What hangs can be seen from outside: a signal logs where every task and thread stands."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from tasks_bindings import stacks
from tasks_bindings.stacks import dump_stacks_on_signal, stacks_of_tasks, stacks_of_threads


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


async def inner(go_on: asyncio.Event) -> None:
    await go_on.wait()


async def outer(go_on: asyncio.Event) -> None:
    await inner(go_on)


def wait_for_dump(logged: list[MutableMapping[str, Any]]) -> None:
    """The loop stands still meanwhile."""
    deadline = time.monotonic() + 10
    while not any(one["event"] == "stacks_dumped" for one in logged):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_tasks_at_the_same_place_are_one_stack_from_its_beginning_to_what_it_waits_for() -> (
    None
):
    go_on = asyncio.Event()
    waiting = [asyncio.create_task(outer(go_on), name=f"task {n}") for n in range(1000)]
    await asyncio.sleep(0)
    (found,) = [
        one for one in stacks_of_tasks(asyncio.get_running_loop()) if " outer" in one.frames
    ]
    go_on.set()
    await asyncio.gather(*waiting)

    assert (found.kind, found.count, len(found.names)) == ("task", 1000, stacks.MOST_NAMES)
    names = [line.rsplit(" ", 1)[1] for line in found.frames.split("\n")]
    assert names == ["outer", "inner", "Event.wait"]


def test_every_thread_has_its_stack_under_its_name() -> None:
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait, name="a thread of mine")
    thread.start()
    found = [one for one in stacks_of_threads() if "a thread of mine" in one.names]
    go_on.set()
    thread.join()

    assert len(found) == 1
    assert "Event.wait" in found[0].frames


async def test_the_signal_is_answered_while_the_loop_is_stuck() -> None:
    dump_stacks_on_signal()
    with capture_logs() as logged:
        os.kill(os.getpid(), signal.SIGUSR1)
        wait_for_dump(logged)

    told = [str(one["frames"]) for one in logged if one["event"] == "stack"]
    assert any("test_the_signal_is_answered_while_the_loop_is_stuck" in one for one in told)


async def test_what_one_signal_writes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "MOST_STACKS", 3)
    monkeypatch.setattr(stacks, "MOST_CHARS", 50)

    def deep(levels: int) -> None:
        if levels:
            deep(levels - 1)
            return
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(0.01)

    dump_stacks_on_signal()
    waiting = [
        asyncio.create_task(each) for each in (outer(asyncio.Event()), inner(asyncio.Event()))
    ]
    await asyncio.sleep(0)
    with capture_logs() as logged:
        deep(200)
        wait_for_dump(logged)
    for one in waiting:
        one.cancel()

    told = [one for one in logged if one["event"] == "stack"]
    assert len(told) == 3
    assert all(len("\n".join(one["frames"])) <= 50 for one in told)
    (last,) = [one for one in logged if one["event"] == "stacks_dumped"]
    assert last["stacks"] == 3 + last["left_out"]
