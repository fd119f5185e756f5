"""Running a subscription's handlers, and what their end means. Both transports use it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import Enum, auto

import structlog

from tasks_bindings.bus.interface import Delivery, Handler
from tasks_bindings.errors import Unroutable

_log = structlog.get_logger(__name__)

MAX_KEY_BYTES = 255
"""AMQP 0-9-1 writes a routing key as a short string."""


class Outcome(Enum):
    """What to tell the broker about a delivery."""

    DONE = auto()
    """Acknowledge it."""
    FAILED = auto()
    """Reject it to the dead letters."""
    ABANDONED = auto()
    """Give it back: the handler was cancelled, which says nothing about the message."""


async def run_handler(handler: Handler, delivery: Delivery) -> Outcome:
    """Run a handler on a delivery: done or failed. Its error is logged here and goes no further."""
    try:
        await handler(delivery)
    except Exception:  # noqa: BLE001  (logged with its traceback, and told to the broker)
        message = delivery.message
        _log.exception(
            "handler_failed",
            type=message.type,
            key=delivery.routing_key,
            exchange=delivery.exchange,
            correlation_id=message.correlation_id,
        )
        return Outcome.FAILED
    return Outcome.DONE


class RunningHandlers:
    """The handlers of one subscription that run now."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout: float) -> bool:
        """Wait `timeout` seconds at most for what runs now; whether all of it has ended."""
        if not self._tasks:
            return True
        _, running = await asyncio.wait(self._tasks, timeout=timeout)
        return not running

    def cancel(self) -> None:
        """Interrupt what runs now."""
        for task in self._tasks:
            task.cancel()


def check_key(routing_key: str) -> None:
    """Refuse a key that no broker can take.

    Raises:
        Unroutable: it is longer than AMQP allows.
    """
    if len(routing_key) > MAX_KEY_BYTES or len(routing_key.encode()) > MAX_KEY_BYTES:
        raise Unroutable(f"routing key of more than {MAX_KEY_BYTES} bytes: {routing_key[:40]}...")
