"""A stranger on the broker: pika and bytes, nothing of the product's code."""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came."""

    body: bytes
    properties: BasicProperties
    routing_key: str

    @property
    def json(self) -> Any:
        """Its content."""
        return json.loads(self.body)

    @property
    def headers(self) -> dict[str, Any]:
        """Its AMQP headers."""
        return dict(self.properties.headers or {})


class Stranger:
    """One connection with one channel and one queue, whose messages it keeps in order.

    Args:
        url: of the broker.
        queue: the queue's name; a random one is made up otherwise.
    """

    def __init__(self, url: str, queue: str | None = None) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel: BlockingChannel = self._connection.channel()
        self.queue = queue or f"stranger-{uuid.uuid4().hex}"
        self.channel.queue_declare(self.queue, exclusive=True, auto_delete=True)
        self.channel.basic_consume(self.queue, self._keep, auto_ack=True)
        self._inbox: deque[Received] = deque()

    def new_channel(self) -> BlockingChannel:
        """One that may be lost to a refusal of the broker."""
        return self._connection.channel()

    def bind(self, exchange: str, key: str) -> None:
        """Hear what goes to an exchange under a key."""
        self.channel.queue_bind(self.queue, exchange, key)

    def send(
        self, exchange: str, key: str, body: bytes, properties: BasicProperties | None = None
    ) -> None:
        """Publish bytes, just so."""
        self.channel.basic_publish(exchange, key, body, properties or BasicProperties())

    def next(self, within_s: float = PATIENCE_S) -> Received:
        """The next message; fails if none comes in time."""
        deadline = time.monotonic() + within_s
        while not self._inbox:
            left = deadline - time.monotonic()
            assert left > 0, f"no message within {within_s:g} s"
            self._connection.process_data_events(time_limit=min(left, 1.0))
        return self._inbox.popleft()

    def drain(self, quiet_s: float) -> list[Received]:
        """Everything that has come and comes until it has been quiet for a while."""
        deadline = time.monotonic() + quiet_s
        found: list[Received] = []
        while (left := deadline - time.monotonic()) > 0:
            self._connection.process_data_events(time_limit=left)
            if self._inbox:
                found += self._inbox
                self._inbox.clear()
                deadline = time.monotonic() + quiet_s
        return found

    def ask(
        self,
        exchange: str,
        key: str,
        kind: str,
        content: Mapping[str, Any] | bytes,
        *,
        expires_ms: int | None = None,
    ) -> str:
        """Send a request of the bindings protocol; its correlation id."""
        correlation_id = uuid.uuid4().hex
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        properties = BasicProperties(
            type=kind,
            content_type="application/json",
            correlation_id=correlation_id,
            reply_to=self.queue,
            expiration=None if expires_ms is None else str(expires_ms),
        )
        self.send(exchange, key, body, properties)
        return correlation_id

    def close(self) -> None:
        """Leave."""
        if self._connection.is_open:
            self._connection.close()

    def _keep(
        self,
        _channel: BlockingChannel,
        delivery: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        self._inbox.append(Received(body, properties, delivery.routing_key or ""))


@contextmanager
def stranger(url: str, queue: str | None = None) -> Iterator[Stranger]:
    """A stranger who leaves at the end."""
    one = Stranger(url, queue)
    try:
        yield one
    finally:
        one.close()
