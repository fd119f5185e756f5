"""Cuts off uploads that come in so slowly that they only hold a place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import Message, Receive

from kztasks.api.config import UploadPace
from kztasks.api.limits.refusals import SlowUpload


class PacedReceive:
    """ASGI's `receive` with patience that waiting uses up and bytes restore.

    Only the time counts in which the client is waited for, not that in which the store is.

    Args:
        receive: the server's.
        pace: how slow the client may be.
        clock: seconds that never go back.
    """

    def __init__(
        self, receive: Receive, pace: UploadPace, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._receive = receive
        self._pace = pace
        self._clock = clock
        self._patience_s = pace.grace_s
        self._is_over = False

    async def __call__(self) -> Message:
        """The next message; once the body is over, the wait for the client's leaving is endless.

        Raises:
            SlowUpload: the client's patience is used up.
        """
        if self._is_over:
            return await self._receive()
        began = self._clock()
        try:
            async with asyncio.timeout(self._patience_s):
                message = await self._receive()
        except TimeoutError:
            raise SlowUpload("the body comes in too slowly") from None
        earned = len(message.get("body", b"")) / self._pace.min_bytes_per_s
        left = self._patience_s - (self._clock() - began) + earned
        self._patience_s = min(self._pace.grace_s, left)
        self._is_over = not message.get("more_body", False)
        if self._patience_s <= 0 and not self._is_over:
            raise SlowUpload("the body comes in too slowly")
        return message
