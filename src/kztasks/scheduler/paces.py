"""How long rows took lately, so that the first batch of a task need not be a guess. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MOST_ACTIONS: Final = 1000
"""So many actions are remembered, those that ran last."""


class Paces:
    """What the tasks of one scheduler have learned of each action."""

    def __init__(self) -> None:
        self._row_s: OrderedDict[tuple[str, str], float] = OrderedDict()

    def known(self, category: str, action: str) -> float | None:
        """Seconds that a row of the action took in the last batch here, if there was one."""
        return self._row_s.get((category, action))

    def note(self, category: str, action: str, row_s: float) -> None:
        """A row of the action takes so many seconds."""
        self._row_s[category, action] = row_s
        self._row_s.move_to_end((category, action))
        if len(self._row_s) > MOST_ACTIONS:
            self._row_s.popitem(last=False)
