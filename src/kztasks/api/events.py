"""Server-sent events of a task, from a first snapshot to its end.

An event's `id` grows with the state of the task and with nothing else, so a client can go on at any
front from the last one that it saw.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Final

import orjson

from kztasks.api.access import Access
from kztasks.api.config import ApiSettings
from kztasks.api.limits.gates import Gate
from kztasks.api.metrics import Metrics
from kztasks.api.refusals import UnknownTask
from kztasks.api.service import TaskService, read_json
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Task
from kztasks.errors import Unavailable

RETRY_MS: Final = 3000
_STEP: Final = 10**12
"""More rows than a task can have."""


class EventStreams:
    """Streams of one front.

    Args:
        tasks: where tasks are read.
        settings: how often.
        gate: how many streams there may be.
        metrics: counts them.
        closing: ends them all.
    """

    def __init__(
        self,
        tasks: TaskService,
        settings: ApiSettings,
        gate: Gate,
        metrics: Metrics,
        closing: asyncio.Event,
    ) -> None:
        self._tasks = tasks
        self._settings = settings
        self._gate = gate
        self._metrics = metrics
        self._closing = closing

    def enter(self, access: Access, leases: ExitStack) -> None:
        """Take a place for a stream, until the request is answered.

        Raises:
            TooManyRequests: the account has as many as it may.
            Overloaded: the process has.
        """
        leases.enter_context(self._gate.passing(access.caller.account_id))
        leases.enter_context(self._metrics.event_streams.track_inprogress())

    async def stream(self, access: Access, task: Task, seen: int | None) -> AsyncIterator[bytes]:
        """The events of a task, each as it goes over the wire.

        Args:
            access: to the task.
            task: as it is now.
            seen: the last event's id that the client has, if it comes back.
        """
        yield f"retry: {RETRY_MS}\n\n".encode()
        last = seen
        if last is None:
            last = position(task)
            yield _event("snapshot", last, read_json(task))
        ends_at = time.monotonic() + self._settings.event_limit_s
        quiet_since = time.monotonic()
        while True:
            for event in changes(task, last):
                yield event
                quiet_since = time.monotonic()
            last = max(last, position(task))
            if task.status.is_final or time.monotonic() > ends_at or await self._is_closing():
                return
            if time.monotonic() - quiet_since >= self._settings.event_ping_s:
                yield b": ping\n\n"
                quiet_since = time.monotonic()
            try:
                task = await self._tasks.read(access, task.id)
            except UnknownTask:
                yield _event("removed", last, {"id": task.id})
                return
            except Unavailable:
                continue  # the store will be back, and the client would only come again

    async def _is_closing(self) -> bool:
        """Wait for the next look at the task; true if the process is about to leave."""
        try:
            async with asyncio.timeout(self._settings.event_poll_s):
                return await self._closing.wait()
        except TimeoutError:
            return False


def position(task: Task) -> int:
    """The state of a task as one number that only grows."""
    processed = (task.failed or 0) + (task.succeeded or 0)
    if task.status is TaskStatus.PENDING:
        return 0
    return (2 if task.status.is_final else 1) * _STEP + processed


def changes(task: Task, last: int) -> list[bytes]:
    """The events that lead from a position to where a task is now."""
    here = position(task)
    events = []
    if here % _STEP > last % _STEP:
        counts = {
            "total_count": task.total_rows,
            "failure_count": task.failed,
            "success_count": task.succeeded,
        }
        events.append(_event("progress", min(here, _STEP + here % _STEP), counts))
    if here // _STEP > last // _STEP:
        events.append(_event("status", here, read_json(task)))
    return events


def _event(name: str, number: int, data: object) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), orjson.dumps(data))
