"""Lookups of many requests at once, in few messages.

A hundred clients that begin an upload in the same moment ask for the same action. A scheduler that
had to answer each of them would be late for the last ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from kztasks.errors import SchedulerUnavailable
from tasks_bindings.wire.messages import Help

Lookup = Callable[[str | None, str | None], Awaitable[Help]]
_Key = tuple[str | None, str | None]


class Lookups:
    """While a lookup is under way, those that ask the same wait for the next one and share it.

    So nobody gets an answer to a question that was asked before his own.

    Args:
        lookup: asks a scheduler.
        timeout_s: seconds that anybody waits at most.
    """

    def __init__(self, lookup: Lookup, *, timeout_s: float) -> None:
        self._lookup = lookup
        self._timeout_s: Final = timeout_s
        self._running: dict[_Key, asyncio.Task[Help]] = {}
        self._next: dict[_Key, asyncio.Task[Help]] = {}

    async def ask(self, category: str | None, action: str | None) -> Help:
        """What can be run now, of a category and an action or of all.

        Raises:
            SchedulerUnavailable: nobody answers.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(self._joined((category, action)))
        except TimeoutError:
            raise SchedulerUnavailable(f"no answer within {self._timeout_s} s") from None

    def _joined(self, key: _Key) -> asyncio.Task[Help]:
        """The lookup that begins now, or the one that begins when the present one has ended."""
        running = self._running.get(key)
        if running is None:
            self._running[key] = begun = asyncio.create_task(self._do(key))
            begun.add_done_callback(_retrieve)
            return begun
        if key not in self._next:
            self._next[key] = coming = asyncio.create_task(self._do_after(running, key))
            coming.add_done_callback(_retrieve)
        return self._next[key]

    async def _do_after(self, before: asyncio.Task[Help], key: _Key) -> Help:
        await asyncio.wait([before])
        self._running[key] = self._next.pop(key)
        return await self._do(key)

    async def _do(self, key: _Key) -> Help:
        try:
            return await self._lookup(*key)
        finally:
            if key not in self._next:
                del self._running[key]


def _retrieve(done: asyncio.Task[Help]) -> None:
    """Whoever waited for it may have left; then nobody else reads its error."""
    if not done.cancelled():
        done.exception()
