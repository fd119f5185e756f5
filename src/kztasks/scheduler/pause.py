"""Pauses whose length may be changed while they are kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
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
