"""Calls of a task's callbacks in its app: the output header once, the hooks at the end."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import structlog

from kztasks.domain.header import OutputHeader, chosen_header, default_header
from kztasks.domain.log import LogRecord
from kztasks.domain.task import Task
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery
from tasks_bindings.errors import BusError, WireError
from tasks_bindings.wire.keys import Part, part_key
from tasks_bindings.wire.messages import CallResult, Metadata

_log = structlog.get_logger(__name__)

HOOK_PATIENCE_S: Final = 10.0
"""How long a callback waits for an app to come back, before the task goes on without it."""


class Callbacks:
    """The callbacks of one task.

    Args:
        task: whose they are.
        bindings: the way to the apps.
        directory: the apps that are alive.
        discovery: wakes up when the directory changes.
    """

    def __init__(
        self, task: Task, bindings: TasksBindings, directory: Directory, discovery: Discovery
    ) -> None:
        self._task = task
        self._bindings = bindings
        self._directory = directory
        self._discovery = discovery

    async def output_header(self, metadata: Metadata | None) -> OutputHeader:
        """Ask for the header of `out.csv`; a crash or nothing usable gives the seed's default.

        Args:
            metadata: of the action; `None` where no app serves it and none is waited for.
        """
        columns = self._task.input.columns if self._task.input is not None else None
        if metadata is None:
            return default_header(columns or ())
        result = await self._call(Part.OUTPUT_HEADER, self._task.action, patience_s=HOOK_PATIENCE_S)
        answer = result.value if result is not None and result.crash is None else None
        return chosen_header(answer, known=metadata.columns, input_columns=columns)

    async def finish(self, head: LogRecord) -> str | None:
        """Call `finish` with the action and the last `Data`; what went wrong, if anything."""
        return await self._hook(Part.FINISH, head)

    async def cleanup(self, head: LogRecord) -> str | None:
        """Call `cleanup` with the action and the last `Data`; what went wrong, if anything."""
        return await self._hook(Part.CLEANUP, head)

    async def _hook(self, part: Part, head: LogRecord) -> str | None:
        """An app that never ran a row has nothing to finish, so it is not waited for."""
        patience_s = HOOK_PATIENCE_S if head.row else 0.0
        result = await self._call(part, self._task.action, head.data, patience_s=patience_s)
        if result is None or result.crash is None:
            return None
        _log.error("hook_crashed", hook=part.value, error=result.crash.message)
        return f"{part.value} crashed: {result.crash.type}"

    async def _call(self, part: Part, *args: Any, patience_s: float) -> CallResult | None:
        """The first responder's result, `None` where the app has bound nothing to the key."""
        key = part_key(self._task.category, part)
        deadline = time.monotonic() + patience_s
        while True:
            app = self._directory.app_for(self._task.category, self._task.action)
            try:
                if app is not None:
                    if app not in self._directory.apps_bound_to(key):
                        return None
                    results = await self._bindings.call_app(app, key, *args)
                    return results[0] if results else None
            except (BusError, WireError) as error:
                _log.warning("callback_not_answered", key=key, app=app, why=str(error))
                await asyncio.sleep(0.2)
            left = deadline - time.monotonic()
            if left <= 0:
                _log.error("callback_given_up", key=key)
                return None
            if app is None:
                await self._discovery.wait_for_change(left)
