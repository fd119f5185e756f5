"""The janitor: of several schedulers, one at a time makes a pass every so often.

They agree by a counter in the database. Each watches it on its own monotonic clock, as with
heartbeats: who sees it stand still for an interval counts it up, and whoever succeeds makes the
pass, counting on as it goes. Two passes at once do no harm, so that is all.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

import structlog

from kztasks.errors import KztasksError, Unavailable
from kztasks.scheduler.sweep import Retention, Sweeper, Swept
from kztasks.store.interface import Store
from kztasks.store.retention import Round

_log = structlog.get_logger(__name__)

PAUSE_S: Final = 0.1
"""Between two steps, so that a pass never takes the database for itself."""
MOST_LOOK_S: Final = 15.0
LEAP: Final = timedelta(minutes=1)
"""The database's clock may gain so much between two rounds; more is a leap."""


class RoundLost(KztasksError):
    """Another scheduler has begun a round since."""

    code = "round_lost"


class RoundWatch:
    """Decides when a round is due. Pure: it is told what was read, and when.

    Args:
        interval_s: seconds for which the counter has to stand still.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._seen: int | None = None
        self._since = 0.0

    def is_due(self, number: int, now: float) -> bool:
        """Take in the counter as read at `now` (monotonic seconds)."""
        if number != self._seen:
            self._seen, self._since = number, now
        return now - self._since >= self._interval_s


class SteadyClock:
    """The database's time, which passes no faster here than on this process's monotonic clock.

    A server whose clock is set forward, or another one that takes over from it with such a clock,
    makes nothing older than it is.
    """

    def __init__(self) -> None:
        self._anchor: tuple[datetime, float] | None = None

    def read(self, told: datetime, now: float) -> datetime:
        """The time to reckon with.

        Args:
            told: what the database says.
            now: monotonic seconds.
        """
        if self._anchor is not None:
            then, since = self._anchor
            at_most = then + timedelta(seconds=now - since)
            if told > at_most + LEAP:
                _log.warning("database_clock_leapt", by_s=(told - at_most).total_seconds())
                return at_most
        self._anchor = (told, now)
        return told


class Janitor:
    """Takes its turn with the janitors of other schedulers.

    Args:
        store: what to sweep.
        retention: for how long things are kept.
        interval_s: seconds between two rounds, whoever makes them.
        pause_s: seconds between two steps of a round.
    """

    def __init__(
        self,
        store: Store,
        retention: Retention,
        *,
        interval_s: float,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._store = store
        self._retention = retention
        self._pause_s = pause_s
        self._look_s = min(MOST_LOOK_S, interval_s / 4)
        self._watch = RoundWatch(interval_s)
        self._clock = SteadyClock()
        self._number = 0
        self.totals: Final = Swept()
        """What this process has removed since it started."""
        self.rounds = 0
        """Rounds that this process has made since it started."""

    async def run(self) -> None:
        """Make rounds when they are due; until cancelled."""
        while True:
            await asyncio.sleep(self._look_s)
            try:
                number = await self._store.retention.round()
                if self._watch.is_due(number, time.monotonic()):
                    await self.make_round(number)
            except Unavailable as error:
                _log.warning("janitor_round_left_out", why=str(error))

    async def make_round(self, after: int) -> Swept | None:
        """The round that follows `after`; what it removed, `None` if somebody else makes it.

        Raises:
            StoreUnavailable: it ended early; what was removed is in `totals`.
        """
        begun = await self._store.retention.begin_round(after)
        if begun is None:
            return None
        self._number = begun.number
        sweeper = Sweeper(self._store, self._retention, self._breathe)
        started = time.monotonic()
        try:
            await sweeper.sweep(self._now(begun))
        except RoundLost:
            _log.info("janitor_round_lost")
        finally:
            self.rounds += 1
            self.totals.add(sweeper.swept)
            passed_s = round(time.monotonic() - started, 3)
            _log.info("janitor_round", **asdict(sweeper.swept), seconds=passed_s)
        return sweeper.swept

    def _now(self, begun: Round) -> datetime:
        return self._clock.read(begun.now, time.monotonic())

    async def _breathe(self) -> None:
        """Pause, and show the others that this round goes on."""
        await asyncio.sleep(self._pause_s)
        going_on = await self._store.retention.begin_round(self._number)
        if going_on is None:
            raise RoundLost("another scheduler has begun a round")
        self._number = going_on.number
