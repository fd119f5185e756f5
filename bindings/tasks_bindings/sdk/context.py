"""What a handler is told beside its row."""

from __future__ import annotations

from typing import NamedTuple


class Context(NamedTuple):
    """The seed's ExtraArgs, and what makes a handler with side effects safe to run again.

    A row runs at least once, and a second time only after a fault. `key` names the row for ever, so
    a handler can ask its own system whether the work was done; `maybe_repeated` says when to.
    """

    account_id: str
    """The account that the task belongs to."""
    auth_account_id: str
    """The account of the token that created the task."""
    task_id: str
    category: str
    action: str
    row_number: int
    """1-based number of the row in the input, or of the call for a task without input."""
    maybe_repeated: bool
    """Whether an earlier attempt at this row may have run it already."""

    @property
    def key(self) -> str:
        """The same for every attempt at this row, and for no other row: `TASK_ID:ROW_NUMBER`."""
        return f"{self.task_id}:{self.row_number}"
