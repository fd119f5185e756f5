"""How one task takes its turns: one at a time, and it can be told to wait no longer."""

from __future__ import annotations

from typing import Final

from kztasks.domain.task import Task
from kztasks.scheduler.gate import TurnGate
from kztasks.scheduler.waiting import Turn, Waiting

KEPT_S: Final = 1.0
"""So long a turn is kept between the call for the header and the first batch."""


class TaskTurns:
    """The turns of one task.

    Args:
        gate: where it stands in line.
        task: for its batches, its header and its hooks.
    """

    def __init__(self, gate: TurnGate, task: Task) -> None:
        self._gate = gate
        self._kind = (task.category, task.action)
        self._account = task.account_id
        self._kept: Turn | None = None
        self._waiting: Waiting | None = None

    def take_now(self) -> Turn | None:
        """A turn without waiting for it, if there is one."""
        kept, self._kept = self._kept, None
        if kept is not None and kept.use():
            return kept
        return self._gate.take(self._kind, self._account)

    async def wait(self) -> Turn | None:
        """Wait for a turn; `None` once it was interrupted."""
        self._waiting = self._gate.wait(self._kind, self._account)
        try:
            return await self._waiting.turn()
        finally:
            self._waiting = None

    async def take(self) -> Turn | None:
        """A turn, at once or when it is there; `None` once it was interrupted."""
        return self.take_now() or await self.wait()

    def queue(self) -> Waiting:
        """Get in line for a call, before the batches of other tasks of the account."""
        return self._gate.wait(self._kind, self._account, urgent=True)

    def keep(self, turn: Turn) -> None:
        """Keep a turn for what comes next, if that comes soon."""
        turn.keep(KEPT_S)
        self._kept = turn

    def interrupt(self) -> None:
        """Wait no longer, if it waits now."""
        if self._waiting is not None:
            self._waiting.abandon()

    def close(self) -> None:
        """Give back what was kept."""
        if self._kept is not None:
            self._kept.give_back()

    def is_contended(self, turn: Turn) -> bool:
        """Whether others wait for what this task has."""
        return self._gate.is_contended(turn.app)

    @property
    def waiting_for(self) -> str | None:
        """What it waits for, for people."""
        return self._waiting.why if self._waiting is not None else None
