"""Watches whether this machine's clock is right enough to fire by it.

Schedulers take each moment once whatever their clocks say. But one whose clock is far ahead would
take moments before they have come, and all others would have to wait for their time: it takes none
until its clock agrees with that of the database.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from kztasks.errors import Unavailable
from kztasks.store.interface import RetentionStore

_log = structlog.get_logger(__name__)

MOST_OFF_S: Final = 30.0
LOOK_S: Final = 10.0
RETRY_S: Final = 1.0


class ClockWatch:
    """Compares this machine's clock with the database's, as long as `run` runs.

    Args:
        store: tells the database's time.
    """

    def __init__(self, store: RetentionStore) -> None:
        self._store = store
        self._is_compared = False
        self.off_s = 0.0
        """How far this clock is ahead of the database's; negative if it is behind."""

    @property
    def is_off(self) -> bool:
        """Whether nothing is to be begun by it."""
        return not self._is_compared or abs(self.off_s) > MOST_OFF_S

    async def run(self) -> None:
        """Compare until cancelled; while the database is away, the last comparison counts."""
        while True:
            pause_s = LOOK_S
            try:
                await self.look()
            except Unavailable as error:
                _log.debug("clock_not_compared", why=str(error))
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)

    async def look(self) -> None:
        """Compare once.

        Raises:
            Unavailable: the database does not answer.
        """
        before = time.time()
        theirs = (await self._store.now()).timestamp()
        after = time.time()
        was_off = self._is_compared and self.is_off
        # The answer may have been given at any time in between.
        self.off_s = max(before - theirs, 0.0) + min(after - theirs, 0.0)
        self._is_compared = True
        if self.is_off and not was_off:
            _log.error("clock_is_wrong", off_s=round(self.off_s, 3))
        elif was_off and not self.is_off:
            _log.info("clock_is_right_again")
