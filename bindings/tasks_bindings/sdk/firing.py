"""Calls of an app's trigger functions: one at a time each, ended when they take too long.

A function that goes on in the background returns `in_background(…)`, so that the other functions of
the trigger get their turn (seed, "Callback function": "consider spawning the work").
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from tasks_bindings.invoke import invoke, invoke_safely
from tasks_bindings.sdk.refusal import RequestRefused
from tasks_bindings.wire.messages import BACKGROUND, Call, CallResult

_log = structlog.get_logger(__name__)

CANCEL_S: Final = 2.0
"""How long a function that was cancelled may take to end."""


@dataclass(frozen=True, slots=True)
class Background:
    """Work that goes on after its trigger's function has returned."""

    work: Callable[[], Any] | Awaitable[Any]


def in_background(work: Callable[[], Any] | Awaitable[Any]) -> Background:
    """Return this from a trigger's function that would take long: the work goes on without it.

    The app waits for it when it ends, as long as it waits for everything else; then it is
    cancelled. An exception in it is logged.

    Args:
        work: a coroutine, or a function that takes nothing and is called in a thread.
    """
    return Background(work)


class TriggerCalls:
    """Calls what is bound to triggers.

    Args:
        handlers: `{KEY: {NAME: function}}`, in bind order.
    """

    def __init__(self, handlers: Mapping[str, Mapping[str, Callable[..., Any]]]) -> None:
        self._handlers = handlers
        self._running: set[tuple[str, str]] = set()
        self._background: set[asyncio.Future[CallResult]] = set()

    @property
    def background(self) -> list[asyncio.Future[CallResult]]:
        """What goes on in the background."""
        return list(self._background)

    def has(self, key: str) -> bool:
        """Whether anything is bound to a trigger."""
        return key in self._handlers

    async def fire(self, call: Call, *, redelivered: bool) -> list[CallResult]:
        """Call one function or all, in bind order; a crash is a result.

        Args:
            call: the trigger, the function's name, its arguments and its time.
            redelivered: whether a process has died over the same call.

        Raises:
            RequestRefused: `interrupted`: it was begun before, and is not begun again;
                `unknown_handler`; `busy`: it still runs from before; `timeout`: it was given up.
        """
        if redelivered:
            raise RequestRefused("interrupted", "the process that called it has ended")
        named = self._handlers[call.key]
        if call.handler is not None and call.handler not in named:
            raise RequestRefused("unknown_handler", f"there is no {call.handler} here")
        names = list(named) if call.handler is None else [call.handler]
        return [await self._call(call, name, named[name]) for name in names]

    async def close(self, drain_s: float) -> bool:
        """Wait for what goes on in the background; what does not end in time is cancelled.

        Returns:
            Whether all of it has ended by itself.
        """
        if not self._background:
            return True
        _, left = await asyncio.wait(self._background, timeout=drain_s)
        for one in left:
            _log.error("background_work_cancelled", work=str(one))
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return not left

    async def _call(self, call: Call, name: str, function: Callable[..., Any]) -> CallResult:
        place = call.key, name
        if place in self._running:
            raise RequestRefused("busy", f"{name} still runs from an earlier firing")
        self._running.add(place)
        running = asyncio.ensure_future(invoke_safely(function, *call.args))
        running.add_done_callback(lambda _: self._running.discard(place))
        timeout_s = call.timeout_ms / 1000 if call.timeout_ms is not None else None
        try:
            await asyncio.wait({running}, timeout=timeout_s)
        except asyncio.CancelledError:
            running.cancel()
            raise
        if not running.done():
            await _give_up(running, function)
            raise RequestRefused("timeout", f"{name} took longer than {timeout_s:g} s")
        return self._meaning(name, running.result())

    def _meaning(self, name: str, result: CallResult) -> CallResult:
        """What a function returned interests nobody, unless it says that it goes on."""
        if result.crash is not None:
            return result
        if not isinstance(result.value, Background):
            return CallResult()
        work = asyncio.ensure_future(_carry_on(name, result.value))
        self._background.add(work)
        work.add_done_callback(self._background.discard)
        return CallResult(value=BACKGROUND)


async def _give_up(running: asyncio.Future[CallResult], function: Callable[..., Any]) -> None:
    """End a coroutine; a thread cannot be ended, and keeps its function busy."""
    if asyncio.iscoroutinefunction(function):
        running.cancel()
        await asyncio.wait({running}, timeout=CANCEL_S)


async def _carry_on(name: str, background: Background) -> CallResult:
    work = background.work

    async def awaited() -> Any:
        return await (invoke(work) if callable(work) else work)

    result = await invoke_safely(awaited)
    _log.info("background_work_ended", function=name, crashed=result.crash is not None)
    return result
