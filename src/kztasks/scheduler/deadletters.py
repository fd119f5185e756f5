"""Tell whoever waits for an answer that nobody could finish its message."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from tasks_bindings.bus import Bus, Delivery, Message, Subscription
from tasks_bindings.errors import BusError, Unroutable
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import Dead, MessageType
from tasks_bindings.wire.topology import DEAD_QUEUE, DEFAULT_EXCHANGE

_log = structlog.get_logger(__name__)


async def consume_dead_letters(
    bus: Bus, told: Callable[[str], object] = lambda _: None
) -> Subscription:
    """Share the dead-letter queue with the other schedulers.

    Args:
        bus: the way to those who wait.
        told: the reason of each death.
    """

    async def tell(delivery: Delivery) -> None:
        message = delivery.message
        reason = delivery.death_reason or "unknown"
        _log.warning("dead_letter", type=message.type, key=delivery.routing_key, reason=reason)
        told(reason)
        if message.reply_to is None:
            return
        answer = Message(
            body=codec.encode(Dead(reason=reason)),
            type=MessageType.DEAD,
            correlation_id=message.correlation_id,
        )
        try:
            await bus.publish(DEFAULT_EXCHANGE, message.reply_to, answer)
        except Unroutable:
            _log.debug("requester_gone", type=message.type)
        except BusError as error:  # who waits finds out by the silence
            _log.warning("death_not_told", type=message.type, why=str(error))

    return await bus.consume(DEAD_QUEUE, tell)
