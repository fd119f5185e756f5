"""How much may run at the same time: for one account, and in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from kztasks.api.limits.refusals import Overloaded, TooManyRequests

RETRY_AFTER_S = 1


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
    def passing(self, account_id: str) -> Iterator[None]:
        """Be inside while the context is open.

        Raises:
            TooManyRequests: as much of the account is inside as may be.
            Overloaded: as much of all accounts is.
        """
        if self._inside[account_id] >= self._per_account:
            raise TooManyRequests(RETRY_AFTER_S)
        if self._total is not None and self.inside >= self._total:
            raise Overloaded("as much runs as may run at the same time")
        self._inside[account_id] += 1
        try:
            yield
        finally:
            self._inside[account_id] -= 1
            if not self._inside[account_id]:
                del self._inside[account_id]
