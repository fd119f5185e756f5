"""RabbitMQ through aio-pika: the only place that knows the driver."""

from tasks_bindings.bus.amqp.bus import AmqpBus

__all__ = ["AmqpBus"]
