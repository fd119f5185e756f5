"""Whether the parts that the front needs can be reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Final

from kztasks.api.deps import Beside, Scheduler
from kztasks.errors import KztasksError, Unavailable
from kztasks.store.interface import Store

OK: Final = "ok"
LEAVING: Final = "leaving"
FRESH_S: Final = 1.0
"""Probes are open to all, so the parts are not asked for each of them."""
PATIENCE_S: Final = 3.0
"""A probe gives up after a few seconds; so long a part may take to answer."""


class Readiness:
    """Asks bus, store and a scheduler, and remembers for a second what they said.

    Args:
        store: the database.
        scheduler: whoever runs tasks.
        closing: set when this process is about to leave.
        beside: what else runs in this process, if anything.
    """

    def __init__(
        self,
        store: Store,
        scheduler: Scheduler,
        closing: asyncio.Event,
        beside: Beside | None = None,
    ) -> None:
        self._closing = closing
        self._beside = beside
        self._store = store
        self._scheduler = scheduler
        self._lock = asyncio.Lock()
        self._checks: dict[str, str] = {}
        self._asked_at: float | None = None

    async def checks(self) -> Mapping[str, str]:
        """`ok`, or the code of an error, for each part; a process that leaves asks none of them."""
        if self._closing.is_set():
            return {"process": LEAVING}
        async with self._lock:
            if self._asked_at is None or time.monotonic() - self._asked_at > FRESH_S:
                self._checks = await self._ask()
                self._asked_at = time.monotonic()
            return self._checks

    async def _ask(self) -> dict[str, str]:
        store, scheduler = await asyncio.gather(
            _outcome(self._store.ping()), _outcome(self._scheduler.lookup(None, None))
        )
        checks = {"bus": self._bus(), "store": store, "scheduler": scheduler}
        if self._beside is not None:
            of_others = await self._beside.checks()
            checks |= {f"scheduler_{name}": outcome for name, outcome in of_others.items()}
        return checks

    def _bus(self) -> str:
        if self._scheduler.is_blocked:
            return "bus_blocked"
        return OK if self._scheduler.is_ready else "bus_unavailable"


async def _outcome(check: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await check
    except KztasksError as error:
        return error.code
    except TimeoutError:
        return Unavailable.code
    return OK
