"""Fires triggers: one of any number of schedulers fires each moment, and all bound run in series.

Every scheduler runs this. Whose firing it is, is decided in the store by one write for each moment;
a firing whose scheduler died goes on with another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from kztasks.domain.cron import PERIOD_S
from kztasks.domain.databases import Patterns
from kztasks.domain.firing import (
    DATABASES,
    Firing,
    Handler,
    HandlerCall,
    Run,
    TriggerState,
    firing_id,
    missed,
)
from kztasks.errors import KztasksError, OwnershipLost, Unavailable
from kztasks.store.interface import NodeStore
from kztasks.store.triggers import TriggerStore
from kztasks.triggers.clock import Clock
from kztasks.triggers.due import Due, MissedPolicy, cron_due, pass_due
from kztasks.triggers.handlers import Handlers
from kztasks.triggers.series import Series, Step, patiently
from tasks_bindings.wire.keys import Trigger

_log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
FENCED_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class NodeNow:
    """What the scheduler process knows of itself.

    Args:
        node_id: asked for the id under which it lives now.
        name: its name for people.
        is_fenced: whether others may take it for dead; it begins nothing meanwhile.
    """

    node_id: Callable[[], str]
    name: str
    is_fenced: Callable[[], bool]


class Triggers:
    """Fires what is due, as long as `run` runs.

    Args:
        store: states and records.
        nodes: the schedulers that are alive.
        handlers: what is bound, and how it is called.
        clock: the time of day.
        node: this process.
        patterns: which database belongs to which trigger.
        missed_policy: what becomes of moments at which nobody was there.
        interval_s: asked for the seconds between two passes over the databases.
    """

    def __init__(
        self,
        store: TriggerStore,
        nodes: NodeStore,
        handlers: Handlers,
        clock: Clock,
        node: NodeNow,
        *,
        patterns: Patterns,
        missed_policy: MissedPolicy,
        interval_s: Callable[[], float],
    ) -> None:
        self._store = store
        self._nodes = nodes
        self._handlers = handlers
        self._clock = clock
        self._node = node
        self._patterns = patterns
        self._missed_policy = missed_policy
        self._interval_s = interval_s
        self._running: dict[str, asyncio.Task[None]] = {}
        self._is_leaving = False

    @property
    def running(self) -> int:
        """Firings that run here."""
        return len(self._running)

    async def run(self) -> None:
        """Look every second what is due; a round in which the store is away is left out."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("triggers_not_looked_at", why=str(error))
            await self._clock.sleep(LOOK_S - self._clock.now() % LOOK_S)

    async def look(self) -> None:
        """Begin what is due, and take over what a dead scheduler has left."""
        if self._node.is_fenced() or self._is_leaving:
            return
        states = await self._store.states()
        changed = await self._handlers.note_bound(states, self._clock.now())
        if await self._handlers.forget_unbound(states) or changed:
            states = await self._store.states()
        for state in states:
            if state.key in self._running:
                continue
            if state.run is not None:
                await self._take_over_if_lost(state, state.run)
            elif (due := self._due(state)) is not None:
                await self._begin(state, due)

    async def close(self, drain_s: float) -> None:
        """Begin no further call, and wait for those that run; the rest goes on elsewhere.

        Args:
            drain_s: seconds to wait at most.
        """
        self._is_leaving = True
        running = list(self._running.values())
        if running:
            await asyncio.wait(running, timeout=drain_s)
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _due(self, state: TriggerState) -> Due | None:
        now = self._clock.now()
        if state.key == DATABASES:
            return pass_due(state, now, self._interval_s())
        trigger = Trigger(state.key)
        if trigger not in PERIOD_S:
            return None
        return cron_due(trigger, state, now, self._missed_policy)

    async def _begin(self, state: TriggerState, due: Due) -> None:
        """Win the moment, or leave it to whoever did."""
        now = self._clock.now()
        if due.missed:
            gone = missed(state.key, due.missed, node=self._node.name, now=now, reason=due.reason)
            await self._store.record(gone)
            _log.warning("firings_missed", trigger=state.key, count=gone.missed, why=due.reason)
        if due.instant is None:
            await self._store.skip(state, due.last)
            return
        run = Run(firing_id(state.key, due.instant), due.instant, self._node.node_id())
        if await self._store.begin(state, run):
            self._spawn(state, run)

    async def _take_over_if_lost(self, state: TriggerState, run: Run) -> None:
        """Also a run of our own that no task of ours runs: an answer of the store was lost."""
        alive = {node.node_id for node in await self._nodes.all()}
        if run.node in alive and run.node != self._node.node_id():
            return
        taken = await self._store.take_over(state, self._node.node_id())
        if taken is not None:
            _log.warning("firing_taken_over", firing=taken.firing_id, lost=run.node)
            self._spawn(state, taken)

    def _spawn(self, state: TriggerState, run: Run) -> None:
        task = asyncio.create_task(self._fire(state, run), name=run.firing_id)
        self._running[state.key] = task
        task.add_done_callback(lambda _: self._running.pop(state.key, None))

    async def _fire(self, state: TriggerState, run: Run) -> None:
        try:
            await self._fire_as_owner(state, run)
        except OwnershipLost as error:
            _log.warning("firing_let_go", firing=run.firing_id, why=str(error))
        except KztasksError:
            _log.exception("firing_failed", firing=run.firing_id)

    async def _fire_as_owner(self, state: TriggerState, run: Run) -> None:
        firing = await patiently(lambda: self._record_of(state, run))
        steps = await patiently(lambda: self._steps(state))

        async def call(handler: Handler, database: str | None) -> HandlerCall:
            return await self._handlers.call(handler, self._key(state, database), database)

        series = Series(self._store, self._clock, call, self._may_begin)
        ended = await series.run(firing, steps)
        if ended is None:
            return
        now = int(self._clock.now())
        await patiently(lambda: self._store.end(state.key, run, ended=now))
        _log.info(
            "fired",
            firing=ended.id,
            outcome=ended.outcome.value,
            calls=ended.made,
            failed=ended.failed,
            took_ms=ended.took_ms,
        )

    async def _record_of(self, state: TriggerState, run: Run) -> Firing:
        """The record of a run, which whoever ran it before may not have written."""
        found = await self._store.adopt(run) if run.epoch > 1 else None
        if found is not None:
            return found
        return await self._store.record(
            Firing(
                id=run.firing_id,
                key=state.key,
                instant=run.instant,
                node=self._node.name,
                epoch=run.epoch,
                began=self._clock.now(),
            )
        )

    async def _steps(self, state: TriggerState) -> list[Step] | Iterator[Step]:
        """The calls of a firing in order."""
        if state.key != DATABASES:
            return [(None, handler) for handler in self._handlers.of(state)]
        states = {
            Trigger(one.key): one for one in await self._store.states() if one.key != DATABASES
        }
        databases = await self._store.databases()
        return self._pass_steps(states, databases)

    def _pass_steps(
        self, states: dict[Trigger, TriggerState], databases: list[str]
    ) -> Iterator[Step]:
        for database in databases:
            trigger = self._patterns.trigger_of(database)
            if trigger is not None and trigger in states:
                for handler in self._handlers.of(states[trigger]):
                    yield database, handler

    def _key(self, state: TriggerState, database: str | None) -> str:
        trigger = self._patterns.trigger_of(database) if database is not None else None
        return trigger.value if trigger is not None else state.key

    async def _may_begin(self) -> bool:
        """Wait while others may take this process for dead; false if it is leaving."""
        while self._node.is_fenced() and not self._is_leaving:
            await self._clock.sleep(FENCED_LOOK_S)
        return not self._is_leaving
