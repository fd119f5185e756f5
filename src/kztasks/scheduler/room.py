"""Whether the database has room: as long as it has not, no further task is begun."""

from __future__ import annotations

from kztasks.errors import StoreFull, StoreUnavailable


class Room:
    """Knows the records that the database has no room for. Who waits is told apart by identity."""

    def __init__(self) -> None:
        self._waiting: dict[int, str] = {}

    @property
    def lack(self) -> str | None:
        """What the database said to one of those who wait; `None` if nobody does."""
        return next(iter(self._waiting.values()), None)

    def refused(self, holder: object, error: StoreUnavailable) -> None:
        """A write of `holder` failed; it tries again."""
        if isinstance(error, StoreFull):
            self._waiting[id(holder)] = str(error)
        else:
            self.freed(holder)

    def freed(self, holder: object) -> None:
        """`holder` does not wait any more."""
        self._waiting.pop(id(holder), None)

    def check(self) -> None:
        """Do nothing, if there is room.

        Raises:
            StoreFull: there is none.
        """
        if self.lack is not None:
            raise StoreFull(self.lack)
