"""Kazoo's token buckets: each request costs tokens, and time gives them back."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kztasks.api.limits.refusals import TooManyRequests

MAX_BUCKETS: Final = 50_000
"""Buckets that are remembered; the one that was not used for longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a request has cost, and what its bucket holds now, as the envelope tells it."""

    consumed: int
    remaining: int


NOTHING_TAKEN: Final = Tokens(0, 0)


class Buckets:
    """A bucket for each key. This process's own: each front has its own buckets.

    Args:
        burst: tokens in a full bucket.
        per_s: tokens that flow into each one every second.
        clock: seconds that never go back.
    """

    def __init__(
        self, burst: int, per_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, cost: int) -> Tokens:
        """Pay for a request.

        Raises:
            TooManyRequests: the bucket does not hold as much; nothing is taken from it.
        """
        level = self._level(key)
        if cost > level:
            raise TooManyRequests(max(1, math.ceil((cost - level) / self._per_s)))
        self._keep(key, level - cost)
        return Tokens(cost, int(level - cost))

    def peek(self, key: str) -> Tokens:
        """What a bucket holds, for a request that costs nothing."""
        return Tokens(0, int(self._level(key)))

    def _level(self, key: str) -> float:
        level, since = self._levels.get(key, (self._burst, self._clock()))
        return min(self._burst, level + (self._clock() - since) * self._per_s)

    def _keep(self, key: str, level: float) -> None:
        self._levels[key] = (level, self._clock())
        self._levels.move_to_end(key)
        if len(self._levels) > MAX_BUCKETS:
            self._levels.popitem(last=False)
