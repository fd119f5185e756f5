"""Exchanges and queues, as data. What a name means stands here once; the buses declare it.

Requests of a scheduler go to the queue of one app and are addressed with the app's name before the
seed's routing key (`skel.tasks.skel.id2`), so that two apps that serve the same action never both
get a copy. Everything that is meant for all listens under a key without a name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class ExchangeKind(StrEnum):
    """The AMQP 0-9-1 exchange types in use."""

    TOPIC = "topic"
    DIRECT = "direct"
    FANOUT = "fanout"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange to declare; the flags must be the same everywhere, or the broker refuses."""

    name: str
    kind: ExchangeKind
    durable: bool


class QueueKind(StrEnum):
    """What a queue is for; decides durability, type and arguments."""

    WORK = "work"
    """Durable quorum queue, competing consumers, delivery limit, dead letters."""
    SHARED = "shared"
    """Durable classic queue, competing consumers, messages live a minute."""
    PRIVATE = "private"
    """Exclusive, gone with its connection, under a fresh random name in every session."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A routing key, possibly with `*` and `#`, that leads from an exchange to a queue."""

    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue to declare and to consume from.

    `name` is the whole name, or the prefix of the random one for a private queue. `prefetch` is how
    many deliveries its consumer may hold unacknowledged, which is also how many of its handlers run
    at once.
    """

    name: str
    kind: QueueKind
    bindings: tuple[Binding, ...] = field(default=())
    prefetch: int = 1


DEFAULT_EXCHANGE: Final = ""
"""AMQP's nameless exchange: the routing key is the name of a queue."""

BINDINGS: Final = Exchange("kztasks.bindings", ExchangeKind.TOPIC, durable=True)
"""Ours; a Kazoo node on the same broker never sees it."""
DEAD: Final = Exchange("kztasks.dead", ExchangeKind.FANOUT, durable=True)
"""Where a message goes that no consumer could finish."""
KAZOO_TASKS: Final = Exchange("tasks", ExchangeKind.TOPIC, durable=False)
"""Requests of Kazoo's own API, with exactly Kazoo's flags."""
KAZOO_TARGETED: Final = Exchange("targeted", ExchangeKind.DIRECT, durable=False)
"""Replies of Kazoo's own API, with exactly Kazoo's flags."""

EXCHANGES: Final = (BINDINGS, DEAD, KAZOO_TASKS, KAZOO_TARGETED)

DELIVERY_LIMIT: Final = 2
"""How often a work message is delivered again after its consumer died, before it is dead."""
SHARED_MESSAGE_TTL_MS: Final = 60_000
"""How long a request waits for a scheduler; Kazoo's own queues keep requests as long."""

DEAD_QUEUE: Final = Queue(
    name="kztasks.dead",
    kind=QueueKind.SHARED,
    bindings=(Binding(DEAD.name, "#"),),
    prefetch=50,
)
"""All schedulers share it: each dead letter is told once to whoever waits for its reply."""


def app_queue(app: str, keys: tuple[str, ...], *, prefetch: int) -> Queue:
    """The work queue that all instances of an app share.

    Args:
        app: the app's name.
        keys: the seed's routing keys that the app is bound to, such as `tasks.skel.id2`.
        prefetch: how many requests one instance runs at once.
    """
    bindings = tuple(Binding(BINDINGS.name, addressed(app, key)) for key in keys)
    return Queue(
        name=f"kztasks.app.{app}", kind=QueueKind.WORK, bindings=bindings, prefetch=prefetch
    )


def addressed(app: str, key: str) -> str:
    """The routing key that reaches one app: its name before the key (`skel.tasks.skel.id2`)."""
    return f"{app}.{key}"
