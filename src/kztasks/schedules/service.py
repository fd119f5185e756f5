"""Makes the tasks of schedules, each once, with any number of schedulers.

A moment is taken by writing the next version of its schedule, with the id of the task that will be
made for it. Whoever has it makes that task: input first, then the document, then the start. If it
dies meanwhile, another one goes on with the same id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from kztasks.clock import Clock
from kztasks.domain.schedule import (
    RunOutcome,
    RunRecord,
    Schedule,
    ScheduleRun,
    ended,
    step,
    taken_over,
)
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import new_task_id
from kztasks.errors import NotFound, TooManyTasks, Unavailable
from kztasks.schedules.making import TaskMaker
from kztasks.store.interface import Store

_log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
SHARE: Final = 0.2
"""Looks that take long are rarer, so that they use this much of the time at most."""
MOST_MAKING: Final = 8
"""Tasks that are made at the same time; the others wait for them."""


class Schedules:
    """Makes tasks that are due, as long as `run` runs.

    Args:
        store: schedules, tasks and files.
        clock: the time of day.
        node_id: asked for the id under which this process lives now.
        is_held: whether it is to begin nothing now.
        start: starts a task; `None` if it runs or ran already, else why it could not be.
        permit: permits an account one more task; raises `TooManyTasks`.
        dealt_with: is told what became of a moment.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        node_id: Callable[[], str],
        is_held: Callable[[], bool],
        start: Callable[[str], Awaitable[str | None]],
        permit: Callable[[str], Awaitable[None]],
        dealt_with: Callable[[RunRecord], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._node_id = node_id
        self._is_held = is_held
        self._start = start
        self._dealt_with = dealt_with
        self._maker = TaskMaker(store, permit)
        self._places = asyncio.Semaphore(MOST_MAKING)
        self._making: dict[str, asyncio.Task[None]] = {}

    @property
    def making(self) -> int:
        """Tasks that are being made here."""
        return len(self._making)

    async def run(self) -> None:
        """Look every second what is due; a round in which the store is away is left out."""
        while True:
            began = time.monotonic()
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("schedules_not_looked_at", why=str(error))
            except Exception:  # noqa: BLE001  (the next look may go well, and nobody else has one)
                _log.exception("schedules_not_looked_at")
            await asyncio.sleep((time.monotonic() - began) * (1 / SHARE - 1))
            await self._clock.sleep(LOOK_S - self._clock.now() % LOOK_S)

    async def look(self) -> None:
        """Take the moments that have come, and go on with what a dead scheduler has left."""
        if self._is_held():
            return
        now = int(self._clock.now())
        async for schedule in self._store.schedules.due(now):
            if schedule.id in self._making:
                continue
            try:
                await self._look_at(schedule, now)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001  (a defect in one must not stop all others)
                _log.exception("schedule_not_looked_at", schedule_id=schedule.id)

    async def close(self, drain_s: float) -> None:
        """Let tasks that are being made be made, `drain_s` seconds at most."""
        making = list(self._making.values())
        if making:
            await asyncio.wait(making, timeout=drain_s)
        for one in making:
            one.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    async def _look_at(self, schedule: Schedule, now: int) -> None:
        if schedule.run is None:
            await self._take(schedule, now)
        elif await self._is_lost(schedule.run):
            await self._take_over(schedule)

    async def _take(self, schedule: Schedule, now: int) -> None:
        run = ScheduleRun(now, new_task_id(), self._node_id())
        found = step(schedule, now, is_busy=await self._is_busy(schedule), run=run)
        if found is None or not await self._store.schedules.replace(found.schedule):
            return
        for record in found.records:
            _log.warning(
                "schedule_moment_without_task",
                schedule_id=schedule.id,
                outcome=record.outcome.value,
                count=record.count,
                why=record.reason,
            )
            await self._store.schedules.record(record)
            self._dealt_with(record)
        if found.schedule.run is not None:
            self._spawn(found.schedule)

    async def _take_over(self, schedule: Schedule) -> None:
        """Also of our own, where the answer to its taking was lost."""
        mine = taken_over(schedule, self._node_id())
        if await self._store.schedules.replace(mine):
            _log.warning("schedule_taken_over", schedule_id=schedule.id)
            self._spawn(mine)

    async def _is_busy(self, schedule: Schedule) -> bool:
        """Whether the task that was made last has not ended.

        One that could not be started is started now, if that is possible by now.
        """
        if schedule.last_task_id is None:
            return False
        task = await self._store.tasks.get(schedule.last_task_id)
        if task is not None and task.status is TaskStatus.PENDING:
            await self._start(task.id)
        return task is not None and not task.status.is_final

    async def _is_lost(self, run: ScheduleRun) -> bool:
        alive = {node.node_id for node in await self._store.nodes.all()}
        return run.node not in alive or run.node == self._node_id()

    def _spawn(self, schedule: Schedule) -> None:
        making = asyncio.create_task(self._make_in_turn(schedule), name=f"schedule {schedule.id}")
        self._making[schedule.id] = making
        making.add_done_callback(lambda _: self._making.pop(schedule.id, None))

    async def _make_in_turn(self, schedule: Schedule) -> None:
        async with self._places:
            try:
                await self._make(schedule)
            except Unavailable as error:
                _log.warning("scheduled_task_put_off", schedule_id=schedule.id, why=str(error))
            except Exception:  # noqa: BLE001  (the next look takes it up again)
                _log.exception("scheduled_task_put_off", schedule_id=schedule.id)

    async def _make(self, schedule: Schedule) -> None:
        """Make the task of a moment.

        Raises:
            Unavailable: the store is away; the next look tries again.
        """
        run = schedule.run
        if run is None:
            return
        outcome, reason = await self._made(schedule, run)
        record = RunRecord(
            schedule_id=schedule.id,
            instant=run.instant,
            outcome=outcome,
            at=int(self._clock.now()),
            task_id=None if outcome is RunOutcome.NOT_MADE else run.task_id,
            reason=reason,
        )
        await self._store.schedules.record(record)
        if not await self._store.schedules.replace(ended(schedule)):
            return
        self._dealt_with(record)
        _log.info(
            "schedule_moment_dealt_with",
            schedule_id=schedule.id,
            task_id=run.task_id,
            outcome=outcome.value,
            why=reason,
        )

    async def _made(self, schedule: Schedule, run: ScheduleRun) -> tuple[RunOutcome, str | None]:
        account = await self._store.accounts.get(schedule.account_id)
        if account is not None and not account.enabled:
            return RunOutcome.NOT_MADE, "account_disabled"
        try:
            await self._maker.make(schedule, run, now=int(self._clock.now()))
        except NotFound:
            return RunOutcome.NOT_MADE, "the input of the schedule is gone"
        except TooManyTasks as error:
            return RunOutcome.NOT_MADE, error.code
        refusal = await self._start(run.task_id)
        return (RunOutcome.STARTED if refusal is None else RunOutcome.NOT_STARTED), refusal
