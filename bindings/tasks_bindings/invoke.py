"""Call other people's functions: sync ones off the event loop, crashes turned into data."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from pydantic_core import to_json

from tasks_bindings.errors import BadReturn
from tasks_bindings.registry import Responder
from tasks_bindings.wire.messages import CallResult, CrashReport

_log = structlog.get_logger(__name__)

MAX_CRASH_TEXT: Final = 2_000

CRASHES: Final = (Exception, SystemExit)
"""What an author's code may raise without ending the process that runs it."""

OK: Final = "ok"
"""In a fold: keep the accumulator."""
EOQ: Final = "eoq"
"""In a fold: call me again after the others ("end of queue")."""


def is_cancelled() -> bool:
    """Whether a `CancelledError` of this moment means the present task, not something within it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def crash_report(error: BaseException) -> CrashReport:
    """An exception as it goes over the wire: its type and text, no traceback."""
    try:
        text = str(error)
    except CRASHES:
        text = "its text cannot be told"
    sendable = text[:MAX_CRASH_TEXT].encode(errors="replace").decode()
    return CrashReport(type=type(error).__name__[:128], message=sendable)


def sendable(result: CallResult) -> CallResult:
    """A responder's result, or a crash of the responder where the result cannot be JSON."""
    try:
        to_json(result.value)
    except ValueError as error:
        return CallResult(crash=crash_report(BadReturn(f"not JSON: {error}")))
    return result


async def invoke(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function, sync (in a thread, with this context) or async; what it returns."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    value = await asyncio.to_thread(function, *args)
    return await value if inspect.isawaitable(value) else value


async def invoke_safely(function: Callable[..., Any], *args: Any) -> CallResult:
    """`invoke`, with an exception logged and turned into a result."""
    try:
        return CallResult(value=await invoke(function, *args))
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        return _crashed(function, error)
    except CRASHES as error:
        return _crashed(function, error)


def _crashed(function: Callable[..., Any], error: BaseException) -> CallResult:
    _log.error("responder_crashed", function=_name(function), exc_info=error)
    return CallResult(crash=crash_report(error))


async def map_responders(
    responders: Iterable[Responder], args: tuple[Any, ...]
) -> list[CallResult]:
    """Call each responder; the results in bind order, the calls made last-bound first.

    That is the original's order (a right fold). A crash is a result; the others still run.
    """
    results = [
        await invoke_safely(responder.function, *responder.payload, *args)
        for responder in reversed(list(responders))
    ]
    results.reverse()
    return results


async def fold_responders(responders: Iterable[Responder], args: tuple[Any, ...]) -> Any:
    """Hand the first argument through all responders, first-bound first; the last value of it.

    `"ok"` keeps the accumulator, `"eoq"` asks to be called again after the others, an exception is
    logged and skipped. A round in which all ask again ends the fold. Responders that were bound
    with a payload are skipped, as in the original.
    """
    accumulator, rest = args[0], args[1:]
    waiting = [responder for responder in responders if not responder.payload]
    while waiting:
        again: list[Responder] = []
        for responder in waiting:
            result = await invoke_safely(responder.function, accumulator, *rest)
            if result.value == EOQ and result.crash is None:
                again.append(responder)
            elif result.crash is None and result.value != OK:
                accumulator = result.value
        if len(again) == len(waiting):
            _log.warning("fold_loop_detected", responders=[_name(one.function) for one in again])
            break
        waiting = again
    return accumulator


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
