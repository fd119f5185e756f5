"""Exchanges and queues of `wire.topology` as RabbitMQ is told of them."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from aio_pika.abc import AbstractChannel
from pamqp.common import FieldTable

from tasks_bindings.wire.topology import (
    DEAD,
    DELIVERY_LIMIT,
    EXCHANGES,
    SHARED_MESSAGE_TTL_MS,
    Queue,
    QueueKind,
)

_ARGUMENTS: Final[dict[QueueKind, FieldTable]] = {
    QueueKind.WORK: {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD.name,
    },
    QueueKind.SHARED: {"x-message-ttl": SHARED_MESSAGE_TTL_MS},
    QueueKind.PRIVATE: {},
}


async def declare_exchanges(admin: AbstractChannel) -> None:
    """Declare every exchange; their flags are part of the protocol."""
    for exchange in EXCHANGES:
        await admin.declare_exchange(exchange.name, exchange.kind.value, durable=exchange.durable)


async def declare_queue(admin: AbstractChannel, queue: Queue) -> str:
    """Declare a queue with its bindings; returns its name, a fresh one if it is private.

    A name is never used for a second private queue: after a connection that only this side has
    lost, the broker keeps the old one locked until it notices as well.
    """
    is_private = queue.kind is QueueKind.PRIVATE
    name = f"{queue.name}.{uuid4().hex}" if is_private else queue.name
    declared = await admin.declare_queue(
        name,
        durable=not is_private,
        exclusive=is_private,
        auto_delete=is_private,
        arguments=_ARGUMENTS[queue.kind],
    )
    for binding in queue.bindings:
        await declared.bind(binding.exchange, binding.routing_key)
    return name
