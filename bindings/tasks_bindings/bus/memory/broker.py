"""The in-process broker that the buses of one process share: exchanges, queues, dead letters."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from tasks_bindings.bus.interface import NO_HEADERS, Delivery, Message
from tasks_bindings.bus.memory.queue import Entry, MemoryQueue
from tasks_bindings.errors import BusError
from tasks_bindings.wire.keys import matches
from tasks_bindings.wire.topology import (
    DEAD,
    DEFAULT_EXCHANGE,
    EXCHANGES,
    Exchange,
    ExchangeKind,
    Queue,
)

REMEMBERED_DEAD_LETTERS: Final = 1000


@dataclass(slots=True)
class _Bound:
    """An exchange with the queues that are bound to it, by routing key."""

    exchange: Exchange
    queues: dict[str, set[str]] = field(default_factory=dict)

    def reached_by(self, routing_key: str) -> set[str]:
        """The names of the queues that get a message with this key."""
        return {
            name
            for key, names in self.queues.items()
            if self._leads(key, routing_key)
            for name in names
        }

    def _leads(self, bound: str, routing_key: str) -> bool:
        match self.exchange.kind:
            case ExchangeKind.TOPIC:
                return matches(bound, routing_key)
            case ExchangeKind.DIRECT:
                return bound == routing_key
            case ExchangeKind.FANOUT:
                return True


class MemoryBroker:
    """What would be the RabbitMQ server; lives as long as somebody holds it."""

    def __init__(self) -> None:
        self._exchanges = {each.name: _Bound(each) for each in EXCHANGES}
        self._queues: dict[str, MemoryQueue] = {}
        self._dead: deque[Delivery] = deque(maxlen=REMEMBERED_DEAD_LETTERS)
        self._running = 0
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def dead_letters(self) -> tuple[Delivery, ...]:
        """What no consumer could finish, oldest first, with the reason; the last thousand."""
        return tuple(self._dead)

    async def settled(self) -> None:
        """Wait until no message waits in any queue and no handler runs."""
        while not self._is_settled():
            self._settled.clear()
            await self._settled.wait()

    def route(self, exchange: str, routing_key: str, message: Message) -> bool:
        """Put a message into each queue that is bound to its key; whether there was one.

        Raises:
            BusError: there is no such exchange.
        """
        names = self._names(exchange, routing_key)
        kept = replace(message, headers=_copied(message.headers)) if message.headers else message
        for name in names:
            self._queues[name].put(Entry(kept, exchange, routing_key))
        return bool(names)

    def declare(self, queue: Queue, name: str) -> MemoryQueue:
        """A queue under `name`, made when it is missing, with its bindings.

        Raises:
            BusError: it exists as another kind of queue.
        """
        declared = self._queues.get(name)
        if declared is None:
            declared = self._queues[name] = MemoryQueue(
                name, queue.kind, bury=self._bury, changed=self._changed
            )
        elif declared.kind is not queue.kind:
            raise BusError(f"queue {name} refused: it exists as a {declared.kind.value} queue")
        for binding in queue.bindings:
            bound = self._bound(binding.exchange)
            bound.queues.setdefault(binding.routing_key, set()).add(name)
        return declared

    def delete(self, name: str) -> None:
        """Remove a queue with its bindings and its messages."""
        queue = self._queues.pop(name, None)
        if queue is None:
            return
        for bound in self._exchanges.values():
            for names in bound.queues.values():
                names.discard(name)
        queue.drop()

    def handler_started(self) -> None:
        """A handler runs; `settled` waits for it."""
        self._running += 1

    def handler_ended(self) -> None:
        """A handler has ended, and its delivery is settled."""
        self._running -= 1
        self._changed()

    def _changed(self) -> None:
        is_waited_for = not self._settled.is_set()
        if is_waited_for and self._is_settled():
            self._settled.set()

    def _is_settled(self) -> bool:
        return self._running == 0 and not any(map(len, self._queues.values()))

    def _names(self, exchange: str, routing_key: str) -> set[str]:
        if exchange == DEFAULT_EXCHANGE:
            return {routing_key} & self._queues.keys()
        return self._bound(exchange).reached_by(routing_key)

    def _bound(self, exchange: str) -> _Bound:
        bound = self._exchanges.get(exchange)
        if bound is None:
            raise BusError(f"there is no exchange {exchange!r}")
        return bound

    def _bury(self, entry: Entry, reason: str) -> None:
        letter = Entry(
            replace(entry.message, expires_ms=None),
            DEAD.name,
            entry.routing_key,
            death_reason=reason,
        )
        self._dead.append(delivery_of(letter))
        for name in self._names(DEAD.name, letter.routing_key):
            self._queues[name].put(replace(letter))


def delivery_of(entry: Entry) -> Delivery:
    """An entry as its consumer receives it."""
    return Delivery(
        message=entry.message,
        exchange=entry.exchange,
        routing_key=entry.routing_key,
        redelivered=entry.redelivered,
        deliveries=entry.deliveries,
        death_reason=entry.death_reason,
    )


def _copied(headers: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """Headers that the sender can no longer change; there is no wire between him and the others."""
    return MappingProxyType(dict(headers)) if headers else NO_HEADERS
