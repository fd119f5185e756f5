"""The time of day as triggers and schedules see it, so that tests can set it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

LOOK_S = 1.0
"""The longest sleep: a clock that is set, or a machine that was asleep, is noticed so soon."""


class Clock(Protocol):
    """Tells the time and waits for it."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or shorter."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait so long, but never longer than `LOOK_S`."""
        await asyncio.sleep(max(0.0, min(seconds, LOOK_S)))
