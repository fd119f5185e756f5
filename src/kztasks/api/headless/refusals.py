"""What is refused about triggers and schedules."""

from __future__ import annotations

from kztasks.errors import Conflict, KztasksError, NotFound


class UnknownTrigger(NotFound):
    """Nothing was ever bound to a trigger of this name, or this app is not."""

    code = "unknown_trigger"

    def __init__(self, name: str) -> None:
        super().__init__("nothing was ever bound to such a trigger")
        self.name = name


class FiringRefused(Conflict):
    """The trigger cannot be fired now; `reason` is a stable word."""

    code = "firing_refused"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the trigger cannot be fired: {reason}")
        self.name = name
        self.reason = reason


class UnknownSchedule(NotFound):
    """There is no such schedule in this account."""

    code = "unknown_schedule"

    def __init__(self, schedule_id: str) -> None:
        super().__init__(f"no schedule {schedule_id}")
        self.schedule_id = schedule_id


class TooManySchedules(KztasksError):
    """The account has as many schedules as it may have."""

    code = "too_many_schedules"
