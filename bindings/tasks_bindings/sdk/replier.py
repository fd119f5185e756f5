"""Send answers to whoever asked.

The answer of work that was done is worth waiting for: while the broker is away, or takes no
messages because of an alarm, it is kept and sent again.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from tasks_bindings.bus.interface import Bus, Delivery, Message
from tasks_bindings.errors import BusUnavailable, PublishTimeout, Unroutable
from tasks_bindings.wire.messages import MessageType
from tasks_bindings.wire.topology import DEFAULT_EXCHANGE

_log = structlog.get_logger(__name__)

PATIENCE_S: Final = 600.0
"""How long an answer waits for the broker, before its request is given up to another process."""
RETRY_S: Final = 0.5


class Replier:
    """Publishes answers to the reply queue that a request names."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def once(self, delivery: Delivery, kind: MessageType, body: bytes) -> bool:
        """Send an answer that is of no use later, such as progress.

        Returns:
            Whether the requester is there still.

        Raises:
            BusError: the broker did not take it.
        """
        message = delivery.message
        if message.reply_to is None:
            _log.warning("no_reply_address", type=message.type, key=delivery.routing_key)
            return True
        answer = Message(body=body, type=kind, correlation_id=message.correlation_id)
        try:
            await self._bus.publish(DEFAULT_EXCHANGE, message.reply_to, answer)
        except Unroutable:
            _log.info("requester_gone", type=message.type, reply=kind.value)
            return False
        return True

    async def send(self, delivery: Delivery, kind: MessageType, body: bytes) -> None:
        """Send an answer, and go on trying while the broker is away.

        Raises:
            BusError: it was away for longer than `PATIENCE_S`.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                await self.once(delivery, kind, body)
            except (BusUnavailable, PublishTimeout) as error:
                if time.monotonic() > deadline:
                    raise
                _log.warning("reply_not_sent", reply=kind.value, why=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                return
