"""Waiting for what is away: the store, the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from kztasks.errors import Unavailable

_log = structlog.get_logger(__name__)

T = TypeVar("T")

RETRY_S: Final = 1.0


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Do a step, again and again while the store or the bus is away; what it returns at last."""
    while True:
        try:
            return await step()
        except Unavailable as error:
            _log.warning("step_put_off", why=str(error))
            await asyncio.sleep(RETRY_S)
