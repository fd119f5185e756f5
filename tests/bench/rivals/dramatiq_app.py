"""What a team writes with dramatiq: a message for each row.

dramatiq's result backends need Redis or Memcached. There is none here, so the worker publishes each
result to a queue of the client's, on the same RabbitMQ; that costs less than a server more would.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any, Final

import dramatiq
import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from tests.bench.rivals.files import identity

URL: Final = os.getenv("BENCH_AMQP_URL", "")


class Results(dramatiq.Middleware):
    """Sends what the actor returned where the message asks for it."""

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def actor_options(self) -> set[str]:
        """Nothing more."""
        return set()

    def after_process_message(
        self, _broker: Any, message: Any, *, result: Any = None, exception: Any = None
    ) -> None:
        """Publish the number of the row and its result."""
        if exception is None:
            body = json.dumps([message.options["number"], result])
            self._channel().basic_publish("", message.options["reply_to"], body.encode())

    def _channel(self) -> Any:
        if not hasattr(self._local, "channel"):
            self._local.connection = pika.BlockingConnection(pika.URLParameters(URL))
            self._local.channel = self._local.connection.channel()
        return self._local.channel


broker = RabbitmqBroker(url=URL)
broker.add_middleware(Results())
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=0)
def row(args: dict[str, str]) -> list[str]:
    """One row."""
    return identity(args)
