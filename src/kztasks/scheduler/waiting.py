"""A turn, and one who waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

Kind = tuple[str, str]
"""Category and action."""


class Line(Protocol):
    """Where one waits."""

    def leave(self, waiting: Waiting) -> None:
        """Get out of the line."""
        ...

    def why(self, waiting: Waiting) -> str | None:
        """What one who is in line waits for."""
        ...


class Turn:
    """The right to have one batch or call out at an app, until it is given back."""

    __slots__ = ("_give_back", "_timer", "app", "is_held")

    def __init__(self, app: str, give_back: Callable[[], None]) -> None:
        self.app: Final = app
        self._give_back = give_back
        self._timer: asyncio.TimerHandle | None = None
        self.is_held = True

    def give_back(self) -> None:
        """Let somebody else have it; doing it again changes nothing."""
        self._stop_timer()
        if self.is_held:
            self.is_held = False
            self._give_back()

    def keep(self, seconds: float) -> None:
        """Hold on to it for what comes next; it is given back if that takes longer."""
        self._stop_timer()
        if self.is_held:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.give_back)

    def use(self) -> bool:
        """Go on with one that was kept; false if it was given back meanwhile."""
        self._stop_timer()
        return self.is_held

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Waiting:
    """One who waits for a turn.

    Attributes:
        app: in whose line it stands; `None` while no app serves its action.
        since: monotonic seconds.
    """

    __slots__ = ("_future", "_line", "account", "app", "kind", "since", "urgent")

    def __init__(self, line: Line, kind: Kind, account: str, *, urgent: bool) -> None:
        self._line = line
        self.kind: Final = kind
        self.account: Final = account
        self.urgent: Final = urgent
        self.app: str | None = None
        self.since: Final = time.monotonic()
        self._future: asyncio.Future[Turn | None] = asyncio.get_running_loop().create_future()

    async def turn(self) -> Turn | None:
        """The turn, once it is there; `None` once `abandon` was called."""
        try:
            return await self._future
        except asyncio.CancelledError:
            turn = self._taken()
            if turn is None:
                self._line.leave(self)
            else:  # granted, and cancelled before it could be used
                turn.give_back()
            raise

    async def turn_within(self, seconds: float) -> Turn | None:
        """The turn if it is there in time; goes on waiting otherwise."""
        try:
            await asyncio.wait({self._future}, timeout=seconds)
        except asyncio.CancelledError:
            turn = self._taken()
            self.abandon()
            if turn is not None:
                turn.give_back()
            raise
        return self._taken()

    def abandon(self) -> None:
        """Wait no longer. One that has its turn already keeps it."""
        if not self._future.done():
            self._line.leave(self)
            self._future.set_result(None)

    def offer(self, turn: Turn) -> bool:
        """Hand over the turn; false if nobody is there any more to take it."""
        if self._future.done():
            return False
        self._future.set_result(turn)
        return True

    @property
    def why(self) -> str | None:
        """What it waits for, for people; `None` while it has only just begun to wait."""
        return self._line.why(self)

    def _taken(self) -> Turn | None:
        is_over = self._future.done() and not self._future.cancelled()
        return self._future.result() if is_over else None
