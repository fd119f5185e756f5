"""`TasksBindings`: bind, unbind, map, fold and apply over all apps of a cluster.

The original calls functions inside one virtual machine; here a key's responders may live in this
process and in any number of app processes. Their results come in the same shape: a list, one
result for each responder, crashes included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from tasks_bindings.bus.interface import Bus, Message
from tasks_bindings.directory import Directory
from tasks_bindings.errors import BusError, CallRefused, DecodeError, NoHandler, WireError
from tasks_bindings.invoke import fold_responders, map_responders
from tasks_bindings.registry import Bound, Registry
from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import action_key
from tasks_bindings.wire.messages import Call, CallReply, CallResult, CrashReport, MessageType
from tasks_bindings.wire.messages import Refused as RefusedMessage
from tasks_bindings.wire.topology import BINDINGS, addressed

_log = structlog.get_logger(__name__)

CALL_TIMEOUT_S: Final = 30.0
ANSWER_MARGIN_S: Final = 5.0
"""What an app gets to say that a function has taken too long."""


class TasksBindings:
    """Call responders by key, wherever they are.

    Args:
        bus: the way to the apps.
        directory: the apps that are alive; kept true by a `Discovery`.
        timeout_s: seconds for one app to answer one call.
    """

    def __init__(
        self, bus: Bus, directory: Directory, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        self._bus = bus
        self._directory = directory
        self._timeout_s = timeout_s
        self.local: Final = Registry()

    def bind(self, key: str, function: Callable[..., Any], *payload: Any) -> Bound:
        """Bind a function of this process to a key; apps bind theirs by an `App`."""
        return self.local.bind(key, function, *payload)

    def unbind(self, key: str, function: Callable[..., Any], *payload: Any) -> Bound:
        """Take a function of this process off a key."""
        return self.local.unbind(key, function, *payload)

    def is_bound(self, key: str) -> bool:
        """Whether anybody, here or in a live app, answers to the key."""
        return self.local.reaches(key) or bool(self._directory.apps_bound_to(key))

    async def map(self, key: str, *args: Any) -> list[CallResult]:
        """Call every responder of every matching key; empty if there is none.

        An app that does not answer gives one crashed result, so that nothing is left out silently.
        """
        results = await map_responders(self.local.responders(key), args)
        for app in self._directory.apps_bound_to(key):
            results += await self._call(app, Call(key=key, args=args))
        return results

    async def pmap(self, key: str, *args: Any) -> list[CallResult]:
        """`map` with all apps at once; the results in the same order."""
        local = map_responders(self.local.responders(key), args)
        remote = [
            self._call(app, Call(key=key, args=args)) for app in self._directory.apps_bound_to(key)
        ]
        gathered = await asyncio.gather(local, *remote)
        return [result for results in gathered for result in results]

    async def fold(self, key: str, accumulator: Any, *args: Any) -> Any:
        """Hand `accumulator` through all responders, those of this process first.

        An app that does not answer, or not with one value, leaves it as it is. `"eoq"` puts a
        responder after the others of its own process.
        """
        value = await fold_responders(self.local.responders(key), (accumulator, *args))
        for app in self._directory.apps_bound_to(key):
            results = await self._call(app, Call(key=key, args=(value, *args), fold=True))
            if len(results) != 1:
                _log.warning("fold_not_answered", app=app, key=key, results=len(results))
            elif results[0].crash is None:
                value = results[0].value
        return value

    async def apply(self, category: str, action: str, args: Sequence[Any]) -> list[CallResult]:
        """`map` on `tasks.CATEGORY.ACTION`, as the original's scheduler calls its handlers."""
        return await self.map(action_key(category, action), *args)

    async def call_app(self, app: str, key: str, *args: Any) -> list[CallResult]:
        """Call the responders of one app.

        Raises:
            NoHandler: the app is not there or has nothing bound to the key.
            BusError: it could not be asked, or did not answer.
        """
        return await self._exchange(app, Call(key=key, args=args))

    async def call_handler(
        self, app: str, key: str, handler: str, *args: Any, timeout_s: float
    ) -> list[CallResult]:
        """Call one of the functions that an app has bound to a trigger, and wait for its end.

        Args:
            app: name of the app.
            key: of the trigger.
            handler: name of the function; empty for all of them.
            args: its arguments.
            timeout_s: seconds that it may take; the app ends it then if it can.

        Raises:
            CallRefused: the app did not call it, or gave it up.
            NoHandler: the app is not there or has nothing bound to the key.
            ReplyTimeout: it said nothing in time.
            BusError: it could not be asked, or its answer was lost.
        """
        request = Call(
            key=key, args=args, handler=handler or None, timeout_ms=round(timeout_s * 1000)
        )
        patience_s = self._timeout_s + timeout_s + ANSWER_MARGIN_S  # it may begin that late
        return await self._exchange(app, request, timeout_s=patience_s)

    async def _call(self, app: str, call: Call) -> list[CallResult]:
        try:
            return await self._exchange(app, call)
        except (BusError, WireError) as error:
            _log.warning("app_not_called", app=app, key=call.key, error=str(error))
            return [CallResult(crash=CrashReport(type=error.code, message=str(error)))]

    async def _exchange(
        self, app: str, request: Call, *, timeout_s: float | None = None
    ) -> list[CallResult]:
        key, routing_key = request.key, addressed(app, request.key)
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        message = Message(
            body=codec.encode(request),
            type=MessageType.CALL,
            expires_ms=int(self._timeout_s * 1000),
        )
        async with self._bus.call(BINDINGS.name, routing_key, message) as call:
            delivery = await call.receive(timeout_s)
        match delivery.message.type:
            case MessageType.CALL_REPLY:
                return list(codec.decode(delivery.message.body, CallReply).results)
            case MessageType.REFUSED:
                refused = codec.decode(delivery.message.body, RefusedMessage)
                raise CallRefused(
                    refused.code, f"{app} refused {key}: {refused.code}: {refused.message}"
                )
            case MessageType.DEAD:
                raise NoHandler(f"nobody of {app} could answer {key}")
            case other:
                raise DecodeError(f"{app} answered {key} with a message of type {other!r}")
