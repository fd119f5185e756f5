"""Run one firing: its handlers one after another, each call recorded before and after it.

A call is recorded as begun by a write that only the run's present owner can make. So whoever takes
a firing over knows which calls may have been made, and makes none of them twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from kztasks.clock import Clock
from kztasks.domain.firing import CallOutcome, Firing, Handler, HandlerCall
from kztasks.errors import OwnershipLost
from kztasks.patience import patiently
from kztasks.store.triggers import TriggerStore

Step = tuple[str | None, Handler]
"""The database, for a pass, and the handler to call."""
CallHandler = Callable[[Handler, str | None], Awaitable[HandlerCall]]


class Series:
    """Runs the steps of firings.

    Args:
        store: keeps the records.
        clock: tells how long a firing took.
        call: calls a handler.
        may_begin: waits until this process may call anything, and says whether it still should.
        is_held: whether it may call nothing now.
    """

    def __init__(
        self,
        store: TriggerStore,
        clock: Clock,
        call: CallHandler,
        may_begin: Callable[[], Awaitable[bool]],
        is_held: Callable[[], bool],
    ) -> None:
        self._store = store
        self._clock = clock
        self._call = call
        self._may_begin = may_begin
        self._is_held = is_held

    async def run(self, firing: Firing, steps: Iterable[Step]) -> Firing | None:
        """Make all calls that were not made yet, and record the end.

        Args:
            firing: its record as it is stored.
            steps: all its calls in order; those that are behind are left out here.

        Returns:
            The record of the end; `None` if this process is to begin no more calls, and the firing
            is to go on elsewhere.

        Raises:
            OwnershipLost: another scheduler runs the firing now.
        """
        firing = _without_lost_call(firing)
        for database, handler in steps:
            if _is_behind(firing, database, handler):
                continue
            begun = firing.beginning(handler, database)
            if not await self._begin(begun):
                await self._rewrite(firing)
                return None
            firing = begun.with_call(await self._call(handler, database))
        firing = firing.ending(self._clock.now())
        await self._rewrite(firing)
        return firing

    async def _begin(self, begun: Firing) -> bool:
        """Record that a call begins; whether to make it.

        If this process stood still meanwhile, another one may have the firing: it is recorded anew.
        """
        while await self._may_begin():
            await self._rewrite(begun)
            if not self._is_held():
                return True
        return False

    async def _rewrite(self, firing: Firing) -> None:
        if not await patiently(lambda: self._store.rewrite(firing)):
            raise OwnershipLost(f"{firing.id} runs elsewhere")


def _without_lost_call(firing: Firing) -> Firing:
    """A call that had begun and whose end nobody knows is not made again."""
    lost = firing.current
    if lost is None:
        return firing
    error = "the scheduler that called it died meanwhile"
    return firing.with_call(replace(lost, outcome=CallOutcome.LOST, error=error))


def _is_behind(firing: Firing, database: str | None, handler: Handler) -> bool:
    if database is not None and firing.database is not None and database < firing.database:
        return True
    return database == firing.database and handler in firing.done
