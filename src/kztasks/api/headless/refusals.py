"""What is refused about triggers and schedules."""

from __future__ import annotations

from kztasks.errors import Conflict, NotFound


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
