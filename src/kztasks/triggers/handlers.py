"""What is bound to a trigger, in which order, and the call of one handler."""

from __future__ import annotations

import time
from typing import Any, Final

import structlog

from kztasks.domain.cron import PERIOD_S, latest
from kztasks.domain.firing import DATABASES, CallOutcome, Handler, HandlerCall, TriggerState
from kztasks.store.triggers import TriggerStore
from tasks_bindings.bindings import TasksBindings
from tasks_bindings.directory import Directory
from tasks_bindings.discovery import Discovery
from tasks_bindings.errors import (
    BusError,
    CallRefused,
    NoHandler,
    ReplyTimeout,
    Unroutable,
    WireError,
)
from tasks_bindings.wire.keys import ALL_DBS, Trigger
from tasks_bindings.wire.messages import BACKGROUND, CallResult

_log = structlog.get_logger(__name__)

MAX_ERROR: Final = 500
PATIENCE_S: Final = 10.0
"""How long an app that is away is waited for: it may be restarting, or not yet be known here."""
UNBOUND_S: Final = 30.0
"""An app that lives is forgotten when it was seen for so long without what it had bound. Others may
have heard before of a new version of it that binds more."""


class Handlers:
    """Handlers of the apps that are bound to triggers.

    The order of the apps is the one in which the cluster first saw them bound, which is agreed in
    the store; that of an app's own functions is the one in which its author bound them.

    Args:
        store: where the order is kept.
        bindings: the way to the apps.
        directory: the apps that are alive.
        discovery: wakes up when the directory changes.
        timeout_s: seconds that one call may take.
        unbound_s: see `UNBOUND_S`.
    """

    def __init__(
        self,
        store: TriggerStore,
        bindings: TasksBindings,
        directory: Directory,
        discovery: Discovery,
        *,
        timeout_s: float,
        unbound_s: float = UNBOUND_S,
    ) -> None:
        self._store = store
        self._bindings = bindings
        self._directory = directory
        self._timeout_s = timeout_s
        self._discovery = discovery
        self._unbound_s = unbound_s
        self._given_up: dict[str, int] = {}
        self._unbound_since: dict[tuple[str, str], float] = {}

    async def note_bound(self, states: list[TriggerState], now: float) -> bool:
        """Make the store know of all that live apps have bound; whether anything was new.

        Args:
            states: as they are in the store.
            now: Unix seconds; what is bound now does not fire for moments before.
        """
        known = {(state.key, app) for state in states for app in state.apps}
        bound = [
            (trigger.value, app)
            for trigger in Trigger
            for app in self._directory.apps_bound_to(trigger.value)
        ]
        bound += [(DATABASES, app) for key, app in bound if Trigger(key) in ALL_DBS]
        new = [one for one in dict.fromkeys(bound) if one not in known]
        for key, app in new:
            _log.info("trigger_bound", trigger=key, app=app)
            await self._store.bind(key, app, last=_start(key, now))
        return bool(new)

    async def forget_unbound(self, states: list[TriggerState]) -> bool:
        """Forget what apps that are alive have not bound any more; whether there was any.

        An app that is away keeps its place; its calls are recorded as absent meanwhile.
        """
        now, before = time.monotonic(), self._unbound_since
        self._unbound_since = {
            (state.key, app): before.get((state.key, app), now)
            for state in states
            for app in state.apps
            if self._has_dropped(app, state.key)
        }
        gone = [one for one, since in self._unbound_since.items() if now - since >= self._unbound_s]
        for key, app in gone:
            _log.info("trigger_unbound", trigger=key, app=app)
            await self._store.unbind(key, app)
        return bool(gone)

    def of(self, state: TriggerState) -> list[Handler]:
        """All handlers of a trigger, in the order in which they are called.

        What a living app has dropped is left out; one that is away stands here with a name that is
        empty, so that its absence is recorded.
        """
        return [
            Handler(app, name)
            for app in state.apps
            if not self._has_dropped(app, state.key)
            for name in self._directory.handlers(app, state.key) or ("",)
        ]

    async def call(self, handler: Handler, key: str, database: str | None) -> HandlerCall:
        """Call a handler and wait for its end; whatever happens is an outcome, not an error."""
        began = time.monotonic()
        outcome, error = await self._outcome(handler, key, database)
        took_ms = round((time.monotonic() - began) * 1000)
        if not outcome.is_good:
            _log.error("handler_failed", trigger=key, app=handler.app, handler=handler.name,
                       database=database, outcome=outcome.value, why=error)  # fmt: skip
        return HandlerCall(handler, outcome, took_ms, database, error)

    async def _outcome(
        self, handler: Handler, key: str, database: str | None
    ) -> tuple[CallOutcome, str | None]:
        args: tuple[Any, ...] = () if database is None else (database,)
        if not await self._comes(handler.app, key):
            return CallOutcome.ABSENT, "no instance of the app is there"
        try:
            results = await self._bindings.call_handler(
                handler.app, key, handler.name, *args, timeout_s=self._timeout_s
            )
        except CallRefused as error:
            return _REFUSALS.get(error.reason, CallOutcome.CRASHED), _short(str(error))
        except (NoHandler, Unroutable) as error:
            return CallOutcome.ABSENT, _short(str(error))
        except ReplyTimeout:
            return CallOutcome.TIMEOUT, f"it took longer than {self._timeout_s:g} s"
        except (BusError, WireError) as error:
            return CallOutcome.LOST, _short(str(error))
        return _meaning(results)

    async def _comes(self, app: str, key: str) -> bool:
        """Whether an app is bound to a key; waits a little, but not twice for the same absence."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_bound(app, key):
            left = deadline - time.monotonic()
            if left <= 0 or self._given_up.get(app) == self._directory.version:
                self._given_up[app] = self._directory.version
                return False
            await self._discovery.wait_for_change(left)
        return True

    def _has_dropped(self, app: str, key: str) -> bool:
        is_alive = any(one.app.name == app for one in self._directory.instances)
        return is_alive and not self._is_bound(app, key)

    def _is_bound(self, app: str, key: str) -> bool:
        keys = [one.value for one in ALL_DBS] if key == DATABASES else [key]
        return any(app in self._directory.apps_bound_to(one) for one in keys)


_REFUSALS: Final = {
    "busy": CallOutcome.BUSY,
    "timeout": CallOutcome.TIMEOUT,
    "interrupted": CallOutcome.CRASHED,
    "unknown_handler": CallOutcome.ABSENT,
}


def _meaning(results: list[CallResult]) -> tuple[CallOutcome, str | None]:
    for one in results:
        if one.crash is not None:
            return CallOutcome.CRASHED, _short(f"{one.crash.type}: {one.crash.message}")
    if any(one.value == BACKGROUND for one in results):
        return CallOutcome.BACKGROUND, None
    return CallOutcome.OK, None


def _short(text: str) -> str:
    return text[:MAX_ERROR]


def _start(key: str, now: float) -> int:
    """From which moment on something fires that is bound now."""
    is_cron = key in [trigger.value for trigger in PERIOD_S]
    return latest(Trigger(key), now) if is_cron else int(now)
