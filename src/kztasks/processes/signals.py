"""Leave in good order when told to, at once when told twice; say what hangs on SIGUSR1."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final

from kztasks.patience import patiently
from tasks_bindings.stacks import dump_stacks_on_signal

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
EXIT_NOW: Final = 130


def stop_event() -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set. The second signal ends the process without more ado.

    SIGUSR1 logs what all tasks and threads are doing.
    """
    event = asyncio.Event()

    def stop() -> None:
        if event.is_set():
            os._exit(EXIT_NOW)
        event.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    dump_stacks_on_signal()
    return event


async def unless_stopped(stop: asyncio.Event, step: Callable[[], Awaitable[object]]) -> bool:
    """Do a step that the store may put off; false when the process is to stop before it is done."""
    doing = asyncio.ensure_future(patiently(step))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
        return doing.done()
    finally:
        doing.cancel()
        stopping.cancel()
