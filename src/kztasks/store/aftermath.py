"""What is still to be done for tasks that have ended: their cleanup, an output to store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kztasks.domain.status import TaskStatus
from kztasks.domain.task import OutputFile, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivery:
    """What becomes of a task that has ended when its output is stored after all."""

    output: OutputFile
    status: TaskStatus
    reason: str | None


class AftermathStore(Protocol):
    """Changes of tasks that have ended. Every call may be repeated.

    `TaskStore.finish` writes that the cleanup is due, with the final status.
    """

    async def cleanup_nodes(self) -> frozenset[str | None]:
        """Nodes that are to call the cleanup of a task, alive or not."""
        ...

    async def cleanups_of(self, node: str | None, *, limit: int) -> list[Task]:
        """Tasks whose cleanup a node is to call."""
        ...

    async def take_cleanup(self, task_id: str, *, lost: str | None, node: str) -> bool:
        """Let `node` call a cleanup instead of `lost`; false when somebody else was first."""
        ...

    async def cleaned(self, task_id: str, *, reason: str | None = None) -> None:
        """The cleanup was called.

        Args:
            task_id: the task; it may be gone.
            reason: the task's new reason, where the cleanup went wrong.
        """
        ...

    async def without_output(self, *, after: str, limit: int) -> list[Task]:
        """Tasks that ended, whose log is the only copy of their output; by id, from `after` on."""
        ...

    async def redeliver(self, task_id: str, *, epoch: int, to: Redelivery) -> bool:
        """Give a task its output, if it has none and its last owner had this epoch.

        Returns:
            Whether the task has this very output now; true again when the call is repeated.
        """
        ...
