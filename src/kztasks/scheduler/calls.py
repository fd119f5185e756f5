"""Calls of a task's callbacks in its app: the output header once, the hooks at the end.

They stand in the same queue as batches, so each is made in a turn of its task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from kztasks.domain.header import OutputHeader, chosen_header, default_header
from kztasks.domain.log import LogRecord
from kztasks.domain.task import Task
from kztasks.scheduler.taking import TaskTurns
from kztasks.scheduler.waiting import Turn
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.directory import Directory
from tasks_bindings.errors import BusError, WireError
from tasks_bindings.wire.keys import Part, part_key
from tasks_bindings.wire.messages import CallResult, Metadata

_log = structlog.get_logger(__name__)

HOOK_PATIENCE_S: Final = 10.0
"""How long a callback waits for an app to come back, before the task goes on without it."""
AGAIN_S: Final = 0.2
LOOK_S: Final = 1.0


class Callbacks:
    """The callbacks of one task.

    Args:
        task: whose they are.
        turns: of the task.
        bindings: the way to the apps.
        directory: the apps that are alive.
    """

    def __init__(
        self, task: Task, turns: TaskTurns, bindings: TasksBindings, directory: Directory
    ) -> None:
        self._task = task
        self._turns = turns
        self._bindings = bindings
        self._directory = directory
        self._is_stopped = False

    async def output_header(self, metadata: Metadata | None, turn: Turn | None) -> OutputHeader:
        """The header of `out.csv`; a crash or nothing usable gives the seed's default.

        The app is not asked for one that it announces.

        Args:
            metadata: of the action; `None` where no app serves it and none is waited for.
            turn: to ask in, if the task has one; the caller gives it back.
        """
        columns = self._task.input.columns if self._task.input is not None else None
        if metadata is None:
            return default_header(columns or ())
        answer: object = None
        if turn is not None:
            task = self._task
            answer = self._directory.output_header(turn.app, task.category, task.action)
        if answer is None:
            answer = await self._asked_header(turn)
        return chosen_header(answer, known=metadata.columns, input_columns=columns)

    async def _asked_header(self, turn: Turn | None) -> object:
        """What the app answers; `None` after a crash, or if it has nothing to say."""
        result = await self._call(
            Part.OUTPUT_HEADER,
            self._task.action,
            patience_s=HOOK_PATIENCE_S,
            turn=turn,
            waits_on=lambda: not self._is_stopped,
        )
        return result.value if result is not None and result.crash is None else None

    def stop(self) -> None:
        """The task is to end: a header that is long in coming is not needed any more."""
        self._is_stopped = True

    async def finish(self, head: LogRecord) -> str | None:
        """Call `finish` with the action and the last `Data`; what went wrong, if anything."""
        return await self._hook(Part.FINISH, head)

    async def cleanup(self, head: LogRecord) -> str | None:
        """Call `cleanup` with the action and the last `Data`; what went wrong, if anything."""
        return await self._hook(Part.CLEANUP, head)

    @property
    def has_cleanup(self) -> bool:
        """Whether there is, or may be, a cleanup hook to call."""
        return not self._is_unbound(part_key(self._task.category, Part.CLEANUP))

    async def _hook(self, part: Part, head: LogRecord) -> str | None:
        """An app that never ran a row has nothing to finish, so it is not waited for."""
        patience_s = HOOK_PATIENCE_S if head.row else 0.0
        result = await self._call(part, self._task.action, head.data, patience_s=patience_s)
        if result is None or result.crash is None:
            return None
        _log.error("hook_crashed", hook=part.value, error=result.crash.message)
        return f"{part.value} crashed: {result.crash.type}"

    async def _call(
        self,
        part: Part,
        *args: Any,
        patience_s: float,
        turn: Turn | None = None,
        waits_on: Callable[[], bool] = lambda: False,
    ) -> CallResult | None:
        """The first responder's result, `None` where the app has bound nothing to the key.

        `waits_on` tells whether to ask for ever an app that is there and does not answer: it may be
        busy with long rows.
        """
        key, given = part_key(self._task.category, part), turn
        deadline = time.monotonic() + patience_s
        while not self._is_unbound(key):
            turn = turn or await self._turn(deadline)
            if turn is None:
                break
            try:
                results = await self._bindings.call_app(turn.app, key, *args)
                return results[0] if results else None
            except (BusError, WireError) as error:
                _log.warning("callback_not_answered", key=key, app=turn.app, why=str(error))
                turn.give_back()
            finally:
                if turn is not given:
                    turn.give_back()
            if time.monotonic() >= deadline and not (self._serving() and waits_on()):
                break
            turn = None
            await asyncio.sleep(AGAIN_S)
        else:
            return None
        _log.error("callback_given_up", key=key)
        return None

    def _is_unbound(self, key: str) -> bool:
        """Whether apps serve the action and have nothing to call."""
        serving = self._serving()
        return bool(serving) and not set(serving) & set(self._directory.apps_bound_to(key))

    def _serving(self) -> list[str]:
        return self._directory.apps_for(self._task.category, self._task.action)

    async def _turn(self, deadline: float) -> Turn | None:
        """A turn, whenever it comes; `None` if no app is there at the deadline."""
        turn = self._turns.take_now()
        if turn is not None:
            return turn
        waiting = self._turns.queue()
        while waiting.app is not None or time.monotonic() < deadline:
            left = deadline - time.monotonic()
            turn = await waiting.turn_within(left if left > 0 else LOOK_S)
            if turn is not None:
                return turn
        waiting.abandon()
        return None
