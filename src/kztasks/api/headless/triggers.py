"""What is bound to triggers, when they fired and fire next, and how it ended."""

from __future__ import annotations

import secrets
from typing import Final

from kztasks.api.access import Access
from kztasks.api.audit import Auditor
from kztasks.api.deps import ApiDeps
from kztasks.api.headless.refusals import FiringRefused, UnknownTrigger
from kztasks.domain.cron import PERIOD_S, following
from kztasks.domain.firing import DATABASES, Firing, HandlerCall, TriggerState
from kztasks.domain.gregorian import from_unix
from kztasks.run_time import run_time_settings
from tasks_bindings.wire.keys import Trigger

PREFIX: Final = "tasks.triggers."
MOST_FIRINGS: Final = 50


class TriggerService:
    """Reads triggers from the store; a scheduler does what is asked for within a second."""

    def __init__(self, deps: ApiDeps, audit: Auditor) -> None:
        self._store = deps.store
        self._clock = deps.clock
        self._audit = audit

    async def all(self) -> list[dict[str, object]]:
        """Every trigger that anything was ever bound to, with its last firing."""
        interval_s = await self._interval_s()
        return [
            await self._shown(state, interval_s) for state in await self._store.triggers.states()
        ]

    async def one(self, name: str) -> dict[str, object]:
        """A trigger with its last firings.

        Raises:
            UnknownTrigger: nothing was ever bound to one of this name.
        """
        state = await self._state(name)
        firings = await self._store.triggers.firings(state.key, limit=MOST_FIRINGS)
        shown = await self._shown(state, await self._interval_s())
        return {**shown, "firings": [firing_json(firing) for firing in firings]}

    async def fire(self, access: Access, name: str) -> dict[str, object]:
        """Ask for a firing now, beside those that are due; the trigger as it is then.

        Raises:
            UnknownTrigger: nothing was ever bound to one of this name.
            FiringRefused: it can only be fired by a pass over all databases, or it is asked for.
        """
        state = await self._state(name)
        if state.key != DATABASES and Trigger(state.key) not in PERIOD_S:
            raise FiringRefused(name, "fires_by_databases")
        if not await self._store.triggers.request(state.key, secrets.token_hex(8)):
            raise FiringRefused(name, "requested_already")
        await self._audit.note(access, "trigger_requested")
        return await self.one(name)

    async def forget(self, access: Access, name: str, app: str) -> dict[str, object]:
        """Forget that an app that is gone for good is bound; the trigger as it is then.

        One that is there is bound again within a second.

        Raises:
            UnknownTrigger: nothing was ever bound to one of this name, or this app is not.
        """
        state = await self._state(name)
        if not await self._store.triggers.unbind(state.key, app):
            raise UnknownTrigger(name)
        await self._audit.note(access, "trigger_unbound")
        return await self.one(name)

    async def _state(self, name: str) -> TriggerState:
        for state in await self._store.triggers.states():
            if state.key == PREFIX + name:
                return state
        raise UnknownTrigger(name)

    async def _interval_s(self) -> float:
        return (await run_time_settings(self._store)).browse_dbs_interval_s

    async def _shown(self, state: TriggerState, interval_s: float) -> dict[str, object]:
        last = await self._store.triggers.firings(state.key, limit=1)
        return {
            "trigger": state.key.removeprefix(PREFIX),
            "apps": list(state.apps),
            "next": next_firing(state, self._clock(), interval_s),
            "running": state.run is not None,
            "requested": state.requested is not None,
            "last_firing": firing_json(last[0]) if last else None,
        }


def next_firing(state: TriggerState, now: float, interval_s: float) -> int | None:
    """When a trigger fires next, Gregorian seconds; `None` if it does not by itself.

    Args:
        state: of the trigger.
        now: Unix seconds.
        interval_s: between two passes over the databases.
    """
    if not state.apps:
        return None
    if state.key == DATABASES:
        return from_unix(max(now, max(state.last, state.ended or 0) + interval_s))
    trigger = Trigger(state.key)
    if trigger not in PERIOD_S:
        return None
    return from_unix(following(trigger, int(max(now, state.last))))


def firing_json(firing: Firing) -> dict[str, object]:
    """The record of a firing as it is shown; times in Gregorian seconds."""
    shown: dict[str, object | None] = {
        "instant": from_unix(firing.instant),
        "outcome": firing.outcome.value,
        "node": firing.node,
        "late_ms": round(firing.late_s * 1000),
        "took_ms": firing.took_ms,
        "calls_made": firing.made,
        "calls_failed": firing.failed,
        "calls": [_call_json(call) for call in firing.calls],
        "current": _call_json(firing.current) if firing.current is not None else None,
        "databases": firing.databases,
        "database": firing.database,
        "missed": firing.missed or None,
        "missed_from": from_unix(firing.missed_from) if firing.missed_from else None,
        "reason": firing.reason,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _call_json(call: HandlerCall) -> dict[str, object]:
    shown: dict[str, object | None] = {
        "app": call.handler.app,
        "handler": call.handler.name or None,
        "database": call.database,
        "outcome": call.outcome.value,
        "took_ms": call.took_ms,
        "error": call.error,
    }
    return {name: value for name, value in shown.items() if value is not None}
