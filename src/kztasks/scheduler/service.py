"""A scheduler process: heartbeat, take-over, and the parts that run tasks and answer requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from kztasks.domain.gregorian import from_unix
from kztasks.domain.task import Task
from kztasks.errors import Unavailable
from kztasks.patience import patiently
from kztasks.quota import EXECUTING, TaskQuota
from kztasks.run_time import REFRESH_S, RunTime
from kztasks.scheduler.attach import Attacher
from kztasks.scheduler.claims import ClaimTeller
from kztasks.scheduler.cleanups import Cleanups
from kztasks.scheduler.deadletters import consume_dead_letters
from kztasks.scheduler.exchange import BLOCKED_BROKER, Exchange, Timing
from kztasks.scheduler.gate import TurnGate
from kztasks.scheduler.insight import Insight
from kztasks.scheduler.janitor import Janitor
from kztasks.scheduler.memory import RowMemory
from kztasks.scheduler.nodes import NodeLife, NodeWatch
from kztasks.scheduler.operations import SchedulerOperations
from kztasks.scheduler.owned import OwnedTasks
from kztasks.scheduler.paces import Paces
from kztasks.scheduler.rounds import OwnedRounds
from kztasks.scheduler.stops import StopHints
from kztasks.scheduler.sweep import Retention
from kztasks.scheduler.tools import Tools
from kztasks.settings import Settings
from kztasks.store.interface import Store
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.bus import Bus, Subscription
from tasks_bindings.crash_points import reached
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery
from tasks_bindings.errors import BusUnavailable

_log = structlog.get_logger(__name__)

OBSERVE_S: Final = 1.0
"""Seconds between two looks for dead nodes; an eighth of their time to live if that is less."""
LOOK_S: Final = 0.5
TAKE_AT_ONCE: Final = 100
"""Tasks without a living owner that are taken at the same time."""


class Scheduler:
    """Everything that one scheduler process does, but for listening to requests.

    Args:
        settings: of the service.
        store: the database; prepared.
        bus: the way to apps and other schedulers; neither started nor closed here.
    """

    def __init__(self, settings: Settings, store: Store, bus: Bus) -> None:
        self._settings = settings
        self._store = store
        self._bus = bus
        self.directory: Final = Directory()
        self.discovery: Final = Discovery(bus, self.directory)
        self.run_time: Final = RunTime(store)
        self.life: Final = NodeLife(store.nodes, settings.node, fence_s=settings.fence_s)
        self._watch = NodeWatch(settings.node_ttl_s)
        self.gate: Final = TurnGate(self.directory, self._closed)
        self._memory = RowMemory(settings.batch_memory_bytes, self.gate.refresh)
        self._insight = Insight(bus, store, self.life, self._parts)
        self.metrics: Final = self._insight.metrics
        self.health: Final = self._insight.health
        self._room = self._insight.room
        tools = self._tools()
        self._owned = OwnedTasks(tools, lambda: self.life.node_id)
        self._owned_rounds = OwnedRounds(self._owned, store.tasks, lambda: self.life.node_id)
        self._cleanups = Cleanups(tools, self._owned, lambda: self.life.node_id)
        self._hints = StopHints(bus, self._owned)
        self.operations: Final = SchedulerOperations(
            store.tasks,
            self._owned,
            self._hints,
            self.directory,
            node_id=lambda: self.life.node_id,
            worker=settings.node,
            now=tools.now,
            may_begin=self._room.check,
            quota=TaskQuota(store.tasks, EXECUTING, settings.account_executing_tasks),
        )
        self.janitor: Final = Janitor(
            store, Retention.of(settings), interval_s=settings.janitor_interval_s
        )
        self._beats: asyncio.Task[None] | None = None
        self._rounds: list[asyncio.Task[None]] = []
        self._dead_letters: Subscription | None = None

    @property
    def running(self) -> int:
        """Tasks that run here."""
        return len(self._owned)

    async def start(self) -> None:
        """Register, listen to apps, and begin to take tasks; waits until the store answers."""
        await self.run_time.refresh()
        await patiently(self.life.begin)
        await self.discovery.start()
        self._dead_letters = await consume_dead_letters(
            self._bus, lambda reason: self.metrics.dead_letters.labels(reason).inc()
        )
        await self._hints.open()
        self._beats = asyncio.create_task(_rounds(self._settings.beat_s, self._beat))
        self._rounds = [
            asyncio.create_task(
                _rounds(min(OBSERVE_S, self._settings.node_ttl_s / 8), self._observe)
            ),
            asyncio.create_task(_rounds(REFRESH_S, self.run_time.refresh)),
            asyncio.create_task(self._owned_rounds.run()),
            asyncio.create_task(self._refresh_gate()),
            asyncio.create_task(self._insight.feel_pulse()),
            asyncio.create_task(self.janitor.run()),
            asyncio.create_task(ClaimTeller(self._bus, self.directory, self.discovery).run()),
        ]

    async def drain(self) -> None:
        """Begin nothing more, and give tasks back, so that others take them at once."""
        self.announce_leaving()
        reached("drain:begun")
        for one in self._rounds:
            one.cancel()
        given_back = await self._owned.give_back_all(self._settings.drain_s)
        reached("drain:given_back")
        _log.info("tasks_given_back", given_back=given_back)

    async def close(self) -> None:
        """Leave in good order; what has not been drained is drained now."""
        await self.drain()
        await self._cleanups.close()
        try:
            await self.life.leave()
            reached("drain:left")
        except Unavailable as error:
            _log.warning("node_not_removed", why=str(error))
        if self._beats is not None:
            self._beats.cancel()
            await asyncio.gather(self._beats, *self._rounds, return_exceptions=True)
        if self._dead_letters is not None:
            await self._dead_letters.cancel()
        await self._hints.close()
        await self.discovery.close()
        _log.info("scheduler_stopped")

    def announce_leaving(self) -> None:
        """Let probes know that this scheduler is about to leave."""
        self._insight.is_leaving = True

    def read_out(self, requests: Callable[[], Mapping[str, int]]) -> None:
        """Let the metrics say too what the parts know by themselves.

        Args:
            requests: messages of Kazoo's API by what became of them.
        """
        self._insight.read_out(
            lambda: self.running,
            lambda: self.discovery.dropped,
            self.gate,
            self._memory,
            self.janitor,
            requests,
        )

    def _parts(self) -> list[asyncio.Task[None]]:
        return [one for one in (self._beats, *self._rounds) if one is not None]

    def _tools(self) -> Tools:
        settings = self._settings
        timing = Timing(settings.silence_s, settings.row_timeout_s)
        return Tools(
            settings=settings,
            run_time=lambda: self.run_time.current,
            store=self._store,
            bindings=TasksBindings(self._bus, self.directory),
            directory=self.directory,
            gate=self.gate,
            memory=self._memory,
            paces=Paces(),
            metrics=self.metrics,
            room=self._room,
            exchange=Exchange(
                self._bus,
                self.directory,
                self.discovery,
                timing,
                self.metrics,
                is_fenced=lambda: self.life.is_fenced,
            ),
            attacher=Attacher(self._bus, self._store.files, lambda: self.run_time.current),
            now=lambda: from_unix(time.time()),
        )

    async def _beat(self) -> None:
        if await self.life.beat():
            reached("node:beaten")
            self.gate.refresh()
            return
        _log.error("node_declared_dead", dropped=len(self._owned))
        self.metrics.own_deaths.inc()
        self._owned.drop_all()
        await self.life.begin()

    def _closed(self) -> str | None:
        """Why nothing may be sent to apps at present."""
        if self.life.is_fenced:
            return "the database, to be seen alive in it"
        if not self._bus.is_ready:
            return "the message broker"
        if self._bus.health.blocked:
            return BLOCKED_BROKER
        return None if self._memory.has_room else "memory for its rows"

    async def _refresh_gate(self) -> None:
        """Let tasks have their turns as soon as apps come, or the broker is back."""
        while True:
            try:
                await self._bus.wait_ready(LOOK_S)
                self.gate.refresh()
                await self.discovery.wait_for_change(LOOK_S)
            except BusUnavailable as error:
                _log.debug("broker_not_back", why=str(error))
            self.gate.refresh()

    async def _observe(self) -> None:
        """Remove dead nodes and take tasks that no living node owns."""
        if self.life.trouble is not None:
            return  # the others' heartbeats cannot be stored either, which would pass for silence
        for dead in self._watch.dead(await self._store.nodes.all(), time.monotonic()):
            if dead != self.life.node_id and await self._store.nodes.remove(dead):
                _log.warning("node_dead", dead_node=dead)
                reached("node:removed")
                self.metrics.dead_nodes.inc()
        if self.life.is_fenced or self._room.lack is not None:
            return
        await self._owned.release_again()
        async for task in self._store.tasks.gained():
            _log.warning("task_gained_unawares", task_id=task.id)
            self._owned.run(task)
        owners = await self._store.tasks.owners()  # first: who registers now owns none of these
        alive = {node.node_id for node in await self._store.nodes.all()}
        for owner in (None, *(owners - alive)):
            await self._take_all_of(owner)
        await self._cleanups.round()

    async def _take_all_of(self, owner: str | None) -> None:
        """Take the tasks of an owner that is gone; what finds no room here waits for others."""
        room = TAKE_AT_ONCE
        while room == TAKE_AT_ONCE:
            room = min(TAKE_AT_ONCE, self._owned.room)
            if not room:
                _log.warning("tasks_not_taken_over", why="no room here", running=len(self._owned))
                return
            tasks = await self._store.tasks.owned_by(owner, limit=room)
            taken = await asyncio.gather(*map(self._take_over, tasks))
            if not any(taken) or len(tasks) < room:
                return

    async def _take_over(self, task: Task) -> bool:
        """Take a task over; whether it is ours now and was not before."""
        if task.id in self._owned or task.owner is None:
            return False
        reached("take_over:asked")
        taken = await self._store.tasks.take_over(
            task.id,
            lost=task.owner.node,
            epoch=task.owner.epoch,
            node=self.life.node_id,
            worker=self._settings.node,
        )
        if taken is not None:
            reached("take_over:stored")
            _log.info("task_taken_over", task_id=task.id, lost=task.owner.node)
            is_rescue = task.owner.node is not None
            self.metrics.takeovers.labels("rescue" if is_rescue else "handover").inc()
            self._owned.run(taken, is_rescue=is_rescue)
        return taken is not None


async def _rounds(interval_s: float, step: Callable[[], Awaitable[object]]) -> None:
    """Do a step every so often; a round in which the store is away is left out."""
    while True:
        await asyncio.sleep(interval_s)
        try:
            await step()
        except Unavailable as error:
            _log.warning("round_left_out", why=str(error))
        except Exception:  # noqa: BLE001  (the next round may go well, and nobody else would do it)
            _log.exception("round_failed")
