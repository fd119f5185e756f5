"""The moments of a schedule: a cron expression in a time zone, or one moment. Pure.

Expressions are read as by cronsim. Where local clocks are changed, it follows Debian's cron: a job
in the hour that is left out runs right after it, one in the hour that comes twice runs once, and
one that runs more than once an hour keeps to real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from kztasks.errors import Invalid

CRON_FIELDS: Final = 5


@dataclass(frozen=True, slots=True)
class Timing:
    """Either a cron expression in a time zone, or one moment.

    Args:
        cron: five fields; `None` for one moment.
        timezone: a name of the IANA database.
        at: the moment, Unix seconds; `None` for a cron expression.
    """

    cron: str | None = None
    timezone: str = "UTC"
    at: int | None = None

    def check(self) -> None:
        """See that it makes sense.

        Raises:
            Invalid: it does not; the text names the field.
        """
        if (self.cron is None) == (self.at is None):
            raise Invalid("cron: give either a cron expression or a moment (at)")
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError) as error:
            raise Invalid("timezone: no time zone of the IANA database has this name") from error
        if self.cron is None:
            return
        if len(self.cron.split()) != CRON_FIELDS:
            raise Invalid("cron: an expression has five fields")
        try:
            next(self._after(0))
        except StopIteration:
            raise Invalid("cron: there is no such moment") from None
        except CronSimError as error:
            raise Invalid(f"cron: {error}") from None

    def following(self, after: int) -> int | None:
        """The first moment after another one, Unix seconds; `None` if there is none."""
        if self.cron is None:
            return self.at if self.at is not None and self.at > after else None
        return next(self._after(after), None)

    def upcoming(self, after: int, count: int) -> list[int]:
        """The next moments after another one, `count` at most."""
        if self.cron is None:
            return [self.at] if self.at is not None and self.at > after else []
        return list(islice(self._after(after), count))

    def newest(self, now: int) -> int | None:
        """The last moment that is not after `now`."""
        if self.cron is None:
            return self.at if self.at is not None and self.at <= now else None
        start = datetime.fromtimestamp(now, ZoneInfo(self.timezone)) + timedelta(seconds=1)
        found = next(CronSim(self.cron, start, reverse=True), None)
        return int(found.timestamp()) if found is not None else None

    def _after(self, after: int) -> Iterator[int]:
        start = datetime.fromtimestamp(after, UTC).astimezone(ZoneInfo(self.timezone))
        for moment in CronSim(self.cron or "", start):
            yield int(moment.timestamp())
