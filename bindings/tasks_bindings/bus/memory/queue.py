"""One queue of the in-process broker: what waits, who consumes, what dies of what."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks_bindings.bus.interface import Message
from tasks_bindings.wire.topology import DELIVERY_LIMIT, SHARED_MESSAGE_TTL_MS, QueueKind


@dataclass(slots=True, eq=False)
class Entry:
    """A message in a queue. `expires_at` is on the loop's clock."""

    message: Message
    exchange: str
    routing_key: str
    expires_at: float | None = None
    redelivered: bool = False
    deliveries: int = 0
    death_reason: str | None = None


class Taker(Protocol):
    """A consumer, as its queue sees it."""

    @property
    def has_room(self) -> bool:
        """Whether it holds fewer deliveries than its prefetch."""
        ...

    def take(self, entry: Entry) -> None:
        """Hold an entry until it is settled."""
        ...


class MemoryQueue:
    """Messages in order, handed to consumers in turn.

    As in RabbitMQ, a message expires when it is its turn: behind one that waits longer it stays.

    Args:
        name: its name.
        kind: decides what is counted, what expires and where the dead go.
        bury: takes what died, with the reason; only work queues have dead letters.
        changed: told whenever fewer messages may wait than before.
    """

    def __init__(
        self,
        name: str,
        kind: QueueKind,
        *,
        bury: Callable[[Entry, str], None],
        changed: Callable[[], None],
    ) -> None:
        self.name = name
        self.kind = kind
        self._bury = bury
        self._changed = changed
        self._waiting: deque[Entry] = deque()
        self._takers: deque[Taker] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, entry: Entry) -> None:
        """Add a message at the end."""
        entry.expires_at = self._expiry(entry.message)
        self._waiting.append(entry)
        self.pump()

    def give_back(self, entries: Sequence[Entry]) -> None:
        """Put deliveries that were not settled back to the front, in their order."""
        for entry in reversed(entries):
            entry.redelivered = True
            if self.kind is QueueKind.WORK:
                entry.deliveries += 1
            if entry.deliveries > DELIVERY_LIMIT:
                self._dies(entry, "delivery_limit")
            else:
                self._waiting.appendleft(entry)
        self.pump()

    def reject(self, entry: Entry) -> None:
        """Its handler failed on it."""
        self._dies(entry, "rejected")
        self.pump()

    def add(self, taker: Taker) -> None:
        """A consumer comes; it is the last in turn."""
        self._takers.append(taker)
        self.pump()

    def remove(self, taker: Taker) -> None:
        """A consumer goes; what it holds is not given back by this."""
        if taker in self._takers:
            self._takers.remove(taker)

    def drop(self) -> None:
        """The queue is deleted, with what waits in it."""
        self._waiting.clear()
        self._takers.clear()
        self._watch_head()
        self._changed()

    def pump(self) -> None:
        """Bury what has expired at the front, then hand out what consumers have room for."""
        now = asyncio.get_running_loop().time()
        while self._waiting:
            entry = self._waiting[0]
            if entry.expires_at is not None and entry.expires_at <= now:
                self._waiting.popleft()
                self._dies(entry, "expired")
                continue
            taker = self._next_taker()
            if taker is None:
                break
            self._waiting.popleft()
            taker.take(entry)
        self._watch_head()
        self._changed()

    def _next_taker(self) -> Taker | None:
        for _ in range(len(self._takers)):
            taker = self._takers[0]
            self._takers.rotate(-1)
            if taker.has_room:
                return taker
        return None

    def _dies(self, entry: Entry, reason: str) -> None:
        if self.kind is QueueKind.WORK:
            self._bury(entry, reason)

    def _expiry(self, message: Message) -> float | None:
        limits = [] if message.expires_ms is None else [max(message.expires_ms, 0)]
        if self.kind is QueueKind.SHARED:
            limits.append(SHARED_MESSAGE_TTL_MS)
        return asyncio.get_running_loop().time() + min(limits) / 1000 if limits else None

    def _watch_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._waiting[0].expires_at is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._waiting[0].expires_at, self.pump)
