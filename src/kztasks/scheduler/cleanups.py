"""Cleanup hooks that were left uncalled: their scheduler died, or left, after the final status.

The final status and the note that the cleanup is due are one write. The note goes when the hook was
called, so it is called once at least, as far as an app is there to be called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from kztasks.domain.task import Task
from kztasks.errors import Unavailable
from kztasks.scheduler.calls import Callbacks
from kztasks.scheduler.owned import OwnedTasks
from kztasks.scheduler.taking import TaskTurns
from kztasks.scheduler.tools import Tools

_log = structlog.get_logger(__name__)

AT_ONCE: Final = 20
"""So many are called at the same time."""


class Cleanups:
    """Calls them for those who cannot any more.

    Args:
        tools: shared by all tasks.
        owned: the tasks that run here; those that are about to end call their own.
        node_id: asked for the id under which this process owns tasks now.
    """

    def __init__(self, tools: Tools, owned: OwnedTasks, node_id: Callable[[], str]) -> None:
        self._tools = tools
        self._owned = owned
        self._node_id = node_id
        self._calling: dict[str, asyncio.Task[None]] = {}
        self._left: set[str] = set()
        """Own tasks whose cleanup was due in the last round although nobody called it then."""

    async def round(self) -> None:
        """Look for cleanups that nobody calls, and begin to call them.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        store = self._tools.store
        left_before, self._left = self._left, set()
        nodes = await store.aftermath.cleanup_nodes()  # first: who registers now owes none of these
        if not nodes:
            return
        own = self._node_id()
        others = {node.node_id for node in await store.nodes.all()} - {own}
        for node in nodes - others:
            for task in await store.aftermath.cleanups_of(node, limit=AT_ONCE):
                if task.id in self._owned or task.id in self._calling:
                    continue
                if node != own:
                    await self._take(task, node)
                    continue
                # It may have been called since it was read, unless nobody was left to call it then.
                self._left.add(task.id)
                if task.id in left_before:
                    self._begin(task)

    async def close(self) -> None:
        """Call no further ones; another scheduler does."""
        calling = list(self._calling.values())
        for one in calling:
            one.cancel()
        await asyncio.gather(*calling, return_exceptions=True)

    async def _take(self, task: Task, lost: str | None) -> None:
        if len(self._calling) < AT_ONCE and await self._tools.store.aftermath.take_cleanup(
            task.id, lost=lost, node=self._node_id()
        ):
            _log.info("cleanup_taken_over", task_id=task.id, lost=lost)
            self._begin(task)

    def _begin(self, task: Task) -> None:
        if len(self._calling) >= AT_ONCE:
            return
        self._tools.metrics.cleanups_rescued.inc()
        call = asyncio.create_task(self._call(task), name=f"cleanup of {task.id}")
        self._calling[task.id] = call
        call.add_done_callback(lambda _: self._calling.pop(task.id, None))

    async def _call(self, task: Task) -> None:
        tools, turns = self._tools, TaskTurns(self._tools.gate, task)
        try:
            head = await tools.store.log.head(task.id)
            note = None
            if head is not None:
                callbacks = Callbacks(task, turns, tools.bindings, tools.directory)
                note = await callbacks.cleanup(head)
            reason = "; ".join(filter(None, (task.reason, note))) if note is not None else None
            await tools.store.aftermath.cleaned(task.id, reason=reason)
        except Unavailable as error:
            _log.warning("cleanup_put_off", task_id=task.id, why=str(error))
        except Exception:  # noqa: BLE001  (of one task; the others' are to be called)
            _log.exception("cleanup_failed", task_id=task.id)
        finally:
            turns.close()
