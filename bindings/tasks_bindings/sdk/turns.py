"""Which batches of a process may run beside each other: all of them, or one alone.

When a process dies, every batch in it is suspect. The scheduler then sends a suspect with `alone`;
the process runs nothing beside it, so that a death while it runs is its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Gives batches their turn."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._running = 0
        self._waiting_alone = 0
        self._is_alone = False

    @asynccontextmanager
    async def take(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Args:
            alone: nothing else may run meanwhile; who wants that goes before who does not.
        """
        async with self._changed:
            self._waiting_alone += alone
            try:
                await self._changed.wait_for(lambda: self._is_free(alone=alone))
            finally:
                self._waiting_alone -= alone
                self._changed.notify_all()
            self._running += 1
            self._is_alone = alone
        try:
            yield
        finally:
            self._running -= 1
            self._is_alone = False
            async with self._changed:
                self._changed.notify_all()

    def _is_free(self, *, alone: bool) -> bool:
        if self._is_alone:
            return False
        return self._running == 0 if alone else self._waiting_alone == 0
