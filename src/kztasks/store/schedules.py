"""What schedules need of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from kztasks.domain.schedule import RunRecord, Schedule


class ScheduleStore(Protocol):
    """Schedules, and the records of what became of their moments.

    Each change of a schedule is a new version of it. Of several who replace the same version one
    succeeds, so a moment is dealt with once.
    """

    async def insert(self, schedule: Schedule) -> None:
        """Store a new schedule; repeating it with the same id changes nothing."""
        ...

    async def get(self, schedule_id: str, account_id: str | None = None) -> Schedule | None:
        """The schedule, if it exists and, where given, belongs to the account."""
        ...

    async def of_account(self, account_id: str, *, limit: int) -> list[Schedule]:
        """Schedules of an account, newest first."""
        ...

    def due(self, now: int) -> AsyncIterator[Schedule]:
        """Those with something to do at `now` (Unix seconds), or whose task is being made.

        Who waits longest comes first. One that is changed meanwhile may come twice.
        """
        ...

    async def replace(self, schedule: Schedule) -> bool:
        """Store the next version.

        Returns:
            Whether it followed the version that was there; true again when the call is repeated.
        """
        ...

    async def delete(self, schedule_id: str) -> Schedule | None:
        """Remove a schedule and its input; its tasks and records stay. `None` if there was none."""
        ...

    async def record(self, record: RunRecord) -> None:
        """Keep what became of a moment; a second record of the same moment changes nothing."""
        ...

    async def records(self, schedule_id: str, *, limit: int) -> list[RunRecord]:
        """What became of a schedule's moments, the latest first."""
        ...
