"""Waiting: for a time that may be changed meanwhile, for an event, until an event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Final

LOOK_S: Final = 1.0
"""How often a pause looks whether it is still to be that long."""


async def pause(seconds: Callable[[], float]) -> None:
    """Wait for as long as is set now; `seconds` is asked again and again."""
    began = time.monotonic()
    while True:
        left = began + seconds() - time.monotonic()
        if left <= 0:
            return
        await asyncio.sleep(min(left, LOOK_S))


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, `seconds` at most; whether it came.

    `asyncio.wait_for` of Python 3.11 swallows a cancel that comes at the same time as the event.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def until(event: asyncio.Event, work: Coroutine[None, None, object]) -> None:
    """Wait for the end of some work, or for an event, which cancels the work.

    Raises whatever the work raises.
    """
    working = asyncio.create_task(work)
    coming = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({working, coming}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        coming.cancel()
        await asyncio.gather(working, coming, return_exceptions=True)
