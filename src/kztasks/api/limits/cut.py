"""The moment from which a front that leaves waits for no client's body any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Cut:
    """Ends all waits for clients at once, and each that would begin later."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()
        self.is_made = False
        """Whether the moment has come."""

    def make(self) -> None:
        """It has come: whoever waits gets a `TimeoutError`."""
        self.is_made = True
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            wait.reschedule(now)

    @contextmanager
    def ending(self, wait: asyncio.Timeout) -> Iterator[None]:
        """A wait that has begun is to end at that moment, if it comes before its own time."""
        self._waits.add(wait)
        try:
            yield
        finally:
            self._waits.discard(wait)
