"""Ways to the broker: one interface, RabbitMQ and in-process behind it."""

from tasks_bindings.bus.interface import (
    Bus,
    Call,
    Delivery,
    Handler,
    Health,
    Message,
    SessionState,
    Subscription,
)

__all__ = [
    "Bus",
    "Call",
    "Delivery",
    "Handler",
    "Health",
    "Message",
    "SessionState",
    "Subscription",
]
