"""How much may run at the same time: for one account, and in this process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kztasks.api.limits.refusals import Overloaded, TooManyRequests

RETRY_AFTER_S = 1
PATIENCE_S = 10.0


class Gate:
    """Counts what is inside.

    Args:
        per_account: how much of one account may be inside.
        total: how much of all of them; `None` for any amount.
    """

    def __init__(self, per_account: int, total: int | None = None) -> None:
        self._per_account = per_account
        self._total = total
        self._inside: Counter[str] = Counter()

    @property
    def inside(self) -> int:
        """How much is inside."""
        return self._inside.total()

    @contextmanager
    def passing(self, account_id: str, weight: int = 1) -> Iterator[None]:
        """Be inside while the context is open, counted as so much.

        Raises:
            TooManyRequests: as much of the account is inside as may be.
            Overloaded: as much of all accounts is.
        """
        if self._inside[account_id] + weight > self._per_account:
            raise TooManyRequests(RETRY_AFTER_S)
        if self._total is not None and self.inside + weight > self._total:
            raise Overloaded("as much runs as may run at the same time")
        self._inside[account_id] += weight
        try:
            yield
        finally:
            self._inside[account_id] -= weight
            if not self._inside[account_id]:
                del self._inside[account_id]


class Line:
    """Lets so much in at a time; who comes later waits, and is let in in the order of coming.

    Args:
        most: how much may be inside.
        patience_s: seconds that somebody waits at most.
    """

    def __init__(self, most: int, patience_s: float = PATIENCE_S) -> None:
        self._most = most
        self._patience_s = patience_s
        self._inside = 0
        self._first = asyncio.Lock()
        self._left = asyncio.Event()

    async def enter(self, weight: int, leases: ExitStack) -> None:
        """Be inside until the leases end; `weight` must not be more than there is.

        Raises:
            Overloaded: it took too long.
        """
        try:
            async with asyncio.timeout(self._patience_s), self._first:
                while self._inside + weight > self._most:
                    self._left.clear()
                    await self._left.wait()
                self._inside += weight
                leases.callback(self._leave, weight)
        except TimeoutError:
            raise Overloaded("as much runs as may run at the same time") from None

    def _leave(self, weight: int) -> None:
        self._inside -= weight
        self._left.set()
