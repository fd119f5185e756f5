"""All tasks of this scheduler at once: who lost one, who is to stop, whose document is old.

One question a round, however many tasks there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import structlog

from kztasks.errors import OwnershipLost, Unavailable
from kztasks.scheduler.owned import OwnedTasks
from kztasks.scheduler.runner import TaskRunner
from kztasks.store.interface import TaskStore
from tasks_bindings.crash_points import reached

_log = structlog.get_logger(__name__)

INTERVAL_S: Final = 1.0
"""Seconds between two rounds."""
SHARE: Final = 0.2
"""Rounds that take long are rarer, so that they use this much of the time at most."""
LOOKED_AT_ONCE: Final = 500
"""So many documents are asked for in one question: others' questions come in between."""
VIEWS_AT_ONCE: Final = 100
"""So many documents are written in one round at most; the others' turn comes in the next ones."""
LOST: Final = "another scheduler has the task now"


class OwnedRounds:
    """Keeps all tasks that run here, and their documents, up to date.

    Args:
        owned: the tasks.
        tasks: their documents.
        node_id: asked for the id under which this process owns tasks now.
    """

    def __init__(self, owned: OwnedTasks, tasks: TaskStore, node_id: Callable[[], str]) -> None:
        self._owned = owned
        self._tasks = tasks
        self._node_id = node_id

    async def run(self) -> None:
        """Go round until cancelled."""
        took = 0.0
        while True:
            await asyncio.sleep(max(INTERVAL_S, took / SHARE))
            began = time.monotonic()
            try:
                await self.round()
            except Unavailable as error:
                _log.warning("round_left_out", why=str(error))
            except Exception:  # noqa: BLE001  (without rounds no stop would be seen any more)
                _log.exception("round_failed")
            took = time.monotonic() - began

    async def round(self) -> None:
        """Do it once.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        runners = self._owned.snapshot()  # first: a task that is claimed meanwhile is not lost
        if not runners:
            return
        for first in range(0, len(runners), LOOKED_AT_ONCE):
            await self._look(runners[first : first + LOOKED_AT_ONCE])
        due = sorted((one for one in runners if one.watch.is_due), key=_refreshed_at)
        for runner in islice(due, VIEWS_AT_ONCE):
            await self._refresh(runner)

    async def _look(self, runners: Sequence[TaskRunner]) -> None:
        """Let go of what others have, and stop what is to be stopped."""
        ids = [runner.task.id for runner in runners]
        held = await self._tasks.held_by(self._node_id(), ids)
        for runner in runners:
            document = held.get(runner.task.id)
            if document is None or document.epoch != runner.epoch:
                if not runner.watch.is_settled:
                    self._owned.let_go(runner, LOST)
            elif document.stop_requested:
                reached("stop:seen")
                runner.stop()

    async def _refresh(self, runner: TaskRunner) -> None:
        if not runner.watch.is_due:
            return
        try:
            await runner.watch.refresh()
        except OwnershipLost as error:
            self._owned.let_go(runner, str(error))


def _refreshed_at(runner: TaskRunner) -> float:
    return runner.watch.refreshed_at
