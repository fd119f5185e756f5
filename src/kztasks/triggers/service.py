"""Fires triggers: one of any number of schedulers fires each moment, and all bound run in series.

Every scheduler runs this. Whose firing it is, is decided in the store by one write for each moment;
a firing whose scheduler died goes on with another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from kztasks.clock import Clock
from kztasks.domain.cron import PERIOD_S
from kztasks.domain.databases import Patterns
from kztasks.domain.firing import DATABASES, Run, TriggerState, firing_id, missed
from kztasks.errors import OwnershipLost, Unavailable
from kztasks.store.interface import NodeStore
from kztasks.store.triggers import TriggerStore
from kztasks.triggers.due import Due, MissedPolicy, cron_due, pass_due
from kztasks.triggers.handlers import Handlers
from kztasks.triggers.observer import Observer, Unobserved
from kztasks.triggers.runner import FiringRunner
from tasks_bindings.wire.keys import Trigger

_log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
HELD_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class NodeNow:
    """What the scheduler process knows of itself.

    Args:
        node_id: asked for the id under which it lives now.
        name: its name for people.
        is_held: whether it is to begin nothing now: others may take it for dead, the broker cannot
            be reached, or its clock is wrong.
    """

    node_id: Callable[[], str]
    name: str
    is_held: Callable[[], bool]


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
        observer: is told what happened.
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
        observer: Observer | None = None,
    ) -> None:
        self._store = store
        self._nodes = nodes
        self._handlers = handlers
        self._clock = clock
        self._node = node
        self._missed_policy = missed_policy
        self._interval_s = interval_s
        self._observer = observer or Unobserved()
        self._runner = FiringRunner(
            store,
            handlers,
            clock,
            patterns,
            node=node.name,
            may_begin=self._may_begin,
            is_held=node.is_held,
            observer=self._observer,
        )
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
            except Exception:  # noqa: BLE001  (the next look may go well, and nobody else has one)
                _log.exception("triggers_not_looked_at")
            await self._clock.sleep(LOOK_S - self._clock.now() % LOOK_S)

    async def look(self) -> None:
        """Begin what is due, and take over what a dead scheduler has left."""
        if self._node.is_held() or self._is_leaving:
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
        gone = None
        if due.missed:
            now = self._clock.now()
            gone = missed(state.key, due.missed, node=self._node.name, now=now, reason=due.reason)
            await self._store.record(gone)
        run = None
        if due.instant is not None:
            run = Run(firing_id(state.key, due.instant), due.instant, self._node.node_id())
            is_won = await self._store.begin(state, run)
        else:
            is_won = await self._store.skip(state, due.last)
        if not is_won:
            return
        if gone is not None:
            self._observer.fired(gone)
            _log.warning("firings_missed", trigger=state.key, count=gone.missed, why=due.reason)
        if run is not None:
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
            await self._runner.run(state, run)
        except OwnershipLost as error:
            _log.warning("firing_let_go", firing=run.firing_id, why=str(error))
        except Exception:  # noqa: BLE001  (the next look takes it up again)
            _log.exception("firing_failed", firing=run.firing_id)

    async def _may_begin(self) -> bool:
        """Wait while this process is to begin nothing; false if it is leaving."""
        while self._node.is_held() and not self._is_leaving:
            await self._clock.sleep(HELD_LOOK_S)
        return not self._is_leaving
