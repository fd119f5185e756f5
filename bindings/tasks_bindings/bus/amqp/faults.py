"""Errors of the driver, told in ours. Nothing of the driver's leaves this package."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AMQPChannelError, PublishError

from tasks_bindings.errors import BusError, BusUnavailable, Unroutable

DRIVER_ERRORS: Final = CONNECTION_EXCEPTIONS
"""What the driver raises when something is wrong with a connection or channel."""
Refusal: Final = AMQPChannelError
"""What the driver raises when the broker closed a channel because of what was asked on it."""


class BrokerBlocks(BusUnavailable):
    """The broker takes no messages now: it has a memory or disk alarm."""

    def __init__(self) -> None:
        super().__init__("the broker takes no messages now: it has a memory or disk alarm")


@contextmanager
def told_as_ours(what: str) -> Iterator[None]:
    """Turn whatever the driver raises inside into an error of ours.

    The driver also fails its futures with `CancelledError` when a connection ends; our own
    cancellation is told from that by the task, which knows whether somebody asked for it.

    Args:
        what: begins the error's sentence.

    Raises:
        Unroutable: the broker returned a message.
        BusUnavailable: everything else.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translated(what, error) from error
    except asyncio.CancelledError as error:
        if is_being_cancelled():
            raise
        raise BusUnavailable(f"{what}: the connection ended") from error


def translated(what: str, error: Exception) -> BusError:
    """An error of the driver as one of ours."""
    if isinstance(error, PublishError):
        return Unroutable(f"{what}: no queue gets it")
    return BusUnavailable(f"{what}: {sentence_of(error)}")


def is_being_cancelled() -> bool:
    """Whether somebody asked the running task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def sentence_of(error: BaseException | None) -> str:
    """What an error says, with its kind, in one line."""
    if error is None or isinstance(error, asyncio.CancelledError):
        return "closed"
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
