"""Cuts off uploads that come in so slowly that they only hold a place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import Message, Receive

from kztasks.api.config import UploadPace
from kztasks.api.limits.cut import Cut
from kztasks.api.limits.refusals import Leaving, SlowUpload


class PacedReceive:
    """ASGI's `receive` with patience that waiting uses up and bytes restore.

    Only the time counts in which the client is waited for, not that in which the store is.

    Args:
        receive: the server's.
        pace: how slow the client may be.
        cut: ends the wait when the process can wait no longer.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        receive: Receive,
        pace: UploadPace,
        cut: Cut,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receive = receive
        self._pace = pace
        self._cut = cut
        self._clock = clock
        self._patience_s = pace.grace_s
        self._is_over = False

    async def __call__(self) -> Message:
        """The next message; once the body is over, the wait for the client's leaving is endless.

        Raises:
            SlowUpload: the client's patience is used up.
            Leaving: so is the time that the process has until it ends.
        """
        if self._is_over:
            return await self._receive()
        if self._cut.is_made:
            raise Leaving("this process ends")
        began = self._clock()
        try:
            async with asyncio.timeout(self._patience_s) as wait:
                with self._cut.ending(wait):
                    message = await self._receive()
        except TimeoutError:
            if self._cut.is_made:
                raise Leaving("this process ends") from None
            raise SlowUpload("the body comes in too slowly") from None
        earned = len(message.get("body", b"")) / self._pace.min_bytes_per_s
        left = self._patience_s - (self._clock() - began) + earned
        self._patience_s = min(self._pace.grace_s, left)
        self._is_over = not message.get("more_body", False)
        if self._patience_s <= 0 and not self._is_over:
            raise SlowUpload("the body comes in too slowly")
        return message
