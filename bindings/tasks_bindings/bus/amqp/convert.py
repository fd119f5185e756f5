"""`Message` to AMQP properties, and what the driver received to `Delivery`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.common import FieldValue

from tasks_bindings.bus.interface import NO_HEADERS, Delivery, Message

_TRANSIENT: Final = 1
_PERSISTENT: Final = 2
_MAX_EXPIRATION_MS: Final = 2**32 - 1
_BROKERS_OWN: Final = re.compile(r"x-(delivery-count|death|(first|last)-death-.*)")


def to_properties(
    message: Message, *, correlation_id: str | None, reply_to: str | None
) -> Basic.Properties:
    """The AMQP properties of a message that is about to be published."""
    expires_ms = message.expires_ms
    return Basic.Properties(
        content_type=message.content_type,
        headers=dict(message.headers) if message.headers else None,
        delivery_mode=_PERSISTENT if message.persistent else _TRANSIENT,
        correlation_id=correlation_id,
        reply_to=reply_to,
        expiration=None if expires_ms is None else str(min(max(expires_ms, 0), _MAX_EXPIRATION_MS)),
        message_type=message.type or None,
    )


def to_delivery(received: DeliveredMessage) -> Delivery:
    """What was received, from whomever; properties and headers without sense are left out."""
    properties = received.header.properties
    headers: Mapping[str, FieldValue] = properties.headers or NO_HEADERS
    message = Message(
        body=received.body,
        type=properties.message_type or "",
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        expires_ms=_number(properties.expiration),
        persistent=properties.delivery_mode == _PERSISTENT,
        content_type=properties.content_type,
        headers=_plain(headers) if headers else NO_HEADERS,
    )
    return Delivery(
        message=message,
        exchange=received.exchange or "",
        routing_key=received.routing_key or "",
        redelivered=bool(received.redelivered),
        deliveries=_deliveries(headers),
        death_reason=_death_reason(headers),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _plain(headers: Mapping[str, FieldValue]) -> Mapping[str, str | int]:
    return {
        name: value
        for name, value in headers.items()
        if isinstance(value, str | int) and _BROKERS_OWN.fullmatch(name) is None
    }


def _deliveries(headers: Mapping[str, FieldValue]) -> int:
    count = headers.get("x-delivery-count")
    return count if isinstance(count, int) and count > 0 else 0


def _death_reason(headers: Mapping[str, FieldValue]) -> str | None:
    deaths = headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    reason = deaths[0].get("reason")
    return reason if isinstance(reason, str) else None
