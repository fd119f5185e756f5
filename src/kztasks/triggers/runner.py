"""Runs a firing from its record to its end, as the one that owns it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import structlog

from kztasks.clock import Clock
from kztasks.domain.databases import Patterns
from kztasks.domain.firing import (
    DATABASES,
    Firing,
    FiringOutcome,
    Handler,
    HandlerCall,
    Run,
    TriggerState,
)
from kztasks.errors import OwnershipLost
from kztasks.patience import patiently
from kztasks.store.triggers import TriggerStore
from kztasks.triggers.handlers import Handlers
from kztasks.triggers.observer import Observer
from kztasks.triggers.series import Series, Step
from tasks_bindings.wire.keys import Trigger

_log = structlog.get_logger(__name__)


class FiringRunner:
    """Runs firings that this process has won or taken over.

    Args:
        store: states and records.
        handlers: what is bound, and how it is called.
        clock: the time of day.
        patterns: which database belongs to which trigger.
        node: name of this process, for people.
        may_begin: waits until this process may call anything, and says whether it still should.
        is_held: whether it may call nothing now.
        observer: is told what happened.
    """

    def __init__(
        self,
        store: TriggerStore,
        handlers: Handlers,
        clock: Clock,
        patterns: Patterns,
        *,
        node: str,
        may_begin: Callable[[], Awaitable[bool]],
        is_held: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._patterns = patterns
        self._node = node
        self._may_begin = may_begin
        self._is_held = is_held
        self._observer = observer

    async def run(self, state: TriggerState, run: Run) -> None:
        """Make all calls that were not made yet, then let the trigger fire again.

        Raises:
            OwnershipLost: another scheduler runs the firing now.
        """
        firing = await patiently(lambda: self._record_of(state, run))
        if firing.outcome is FiringOutcome.RUNNING:
            ended = await self._go_on(state, firing)
            if ended is None:
                return
            self._observer.fired(ended)
            _log.info(
                "fired",
                firing=ended.id,
                outcome=ended.outcome.value,
                calls=ended.made,
                failed=ended.failed,
                took_ms=ended.took_ms,
            )
        now = int(self._clock.now())
        await patiently(lambda: self._store.end(state.key, run, ended=now))

    async def _go_on(self, state: TriggerState, firing: Firing) -> Firing | None:
        async def call(handler: Handler, database: str | None) -> HandlerCall:
            key = self._key(state, database)
            made = await self._handlers.call(handler, key, database)
            self._observer.called(key, made)
            return made

        series = Series(self._store, self._clock, call, self._may_begin, self._is_held)
        if state.key != DATABASES:
            return await series.run(firing, [(None, one) for one in self._handlers.of(state)])
        states, databases = await patiently(self._pass)
        firing = replace(firing, databases=len(databases))
        return await series.run(firing, self._steps(states, databases))

    async def _record_of(self, state: TriggerState, run: Run) -> Firing:
        """The record of a run, which whoever ran it before may not have written.

        Raises:
            OwnershipLost: the record belongs to a later owner of the run.
        """
        fresh = Firing(
            id=run.firing_id,
            key=state.key,
            instant=run.instant,
            node=self._node,
            epoch=run.epoch,
            began=self._clock.now(),
        )
        found = await self._store.record(fresh)
        if found.epoch < run.epoch:
            found = await self._store.adopt(run) or found
        if found.epoch != run.epoch:
            raise OwnershipLost(f"{run.firing_id} runs elsewhere")
        if found.outcome is FiringOutcome.MISSED:  # a clock that is ahead took it for gone
            return fresh
        return replace(found, node=self._node)

    async def _pass(self) -> tuple[dict[Trigger, TriggerState], list[str]]:
        """The database triggers, and the databases that belong to one."""
        states = {
            Trigger(one.key): one for one in await self._store.states() if one.key != DATABASES
        }
        databases = await self._store.databases()
        return states, [one for one in databases if self._patterns.trigger_of(one) is not None]

    def _steps(self, states: dict[Trigger, TriggerState], databases: list[str]) -> Iterator[Step]:
        for database in databases:
            trigger = self._patterns.trigger_of(database)
            if trigger is not None and trigger in states:
                for handler in self._handlers.of(states[trigger]):
                    yield database, handler

    def _key(self, state: TriggerState, database: str | None) -> str:
        trigger = self._patterns.trigger_of(database) if database is not None else None
        return trigger.value if trigger is not None else state.key
