"""What the janitor needs of the database. Without the driver.

All ages are by the database's own clock: it dates the end of tasks and every loose end, and tells
the time of a round. No other clock is ever compared with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kztasks.domain.retention import Belongings, Part, Trace


@dataclass(frozen=True, slots=True)
class Round:
    """A round of the janitor that has begun, and the time by the database's clock."""

    number: int
    now: datetime


@dataclass(frozen=True, slots=True)
class LooseEnd:
    """A note that something may be left behind, written before that could happen.

    Args:
        end_id: of the note.
        belongings: what may be left, task by task.
        beat: grows with each sign of life of whoever wrote the note.
        is_doomed: whether it was decided before that what is left goes.
    """

    end_id: str
    belongings: tuple[Belongings, ...]
    beat: int
    is_doomed: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """Which tasks have kept a part for long enough.

    Args:
        part: of the task.
        before: those that ended before this time.
        with_output: only those whose `out.csv` is stored, or only those where it is not.
    """

    part: Part
    before: datetime
    with_output: bool | None = None


class RetentionStore(Protocol):
    """Finds what has been kept for long enough, and removes it. Every call may be repeated."""

    async def now(self) -> datetime:
        """The time by the database's clock."""
        ...

    async def round(self) -> int:
        """The number of the last round; it also grows while a round is going on."""
        ...

    async def begin_round(self, after: int) -> Round | None:
        """Begin the round that follows round `after`, or go on with that one.

        `None` when somebody else did so first.
        """
        ...

    async def due(self, what: Due, *, limit: int) -> list[Belongings]:
        """Tasks that `what` holds for, `limit` at most, in any order; each with what goes."""
        ...

    async def count_due(self, what: Due) -> int:
        """How many they are."""
        ...

    async def expire(self, what: Due, belongings: Sequence[Belongings]) -> LooseEnd:
        """Say in the tasks' documents that the part is kept no longer; or remove the documents.

        What the part consists of is still there afterwards. The loose end, which is written first,
        is enough to find and remove it.
        """
        ...

    async def traces(self, task_ids: Collection[str]) -> Mapping[str, Trace]:
        """Those of the tasks that exist."""
        ...

    async def remove_log_records(self, task_ids: Collection[str], *, limit: int) -> int:
        """Remove log records of these tasks, `limit` at most; how many there were."""
        ...

    async def loose_ends(self, before: datetime, *, limit: int) -> list[LooseEnd]:
        """Loose ends without a sign of life since `before`, `limit` at most, in any order."""
        ...

    async def count_loose_ends(self, before: datetime) -> int:
        """How many they are."""
        ...

    async def doom(self, end: LooseEnd) -> bool:
        """Decide that what is left goes; false when its writer has shown life meanwhile.

        From then on its writer gets no further. It counts as a sign of life.
        """
        ...

    async def postpone(self, ends: Collection[LooseEnd]) -> None:
        """Look at them again as late as if they had just shown life."""
        ...

    async def drop(self, ends: Collection[LooseEnd]) -> None:
        """Forget them."""
        ...

    async def remove_audit(self, *, before: int, limit: int) -> int:
        """Remove audit entries dated before `before` (Gregorian seconds), `limit` at most."""
        ...

    async def count_audit(self, *, before: int) -> int:
        """How many they are."""
        ...
