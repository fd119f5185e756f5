"""Which scheduler processes are alive: a heartbeat counter each, watched on the observer's clock.

No wall clocks are compared: a node is dead when its counter has stood still for the time to live on
the monotonic clock of the node that watches. Being wrong costs work, never correctness: the log
decides what counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

import structlog

from kztasks.errors import Unavailable
from kztasks.store.interface import Node, NodeStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    beat: int
    silent_s: float


class NodeWatch:
    """Decides which nodes are dead. Pure: it is told what was read, and when.

    Of a long time without a look, half a time to live counts at most: while the database is away,
    or this machine stands still, the others cannot beat, and get the other half to do so again.
    """

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._seen: dict[str, _Seen] = {}
        self._looked_at = 0.0

    def dead(self, nodes: Iterable[Node], now: float) -> list[str]:
        """Take in all nodes as read at `now` (monotonic seconds); ids of those that are dead."""
        passed = min(now - self._looked_at, self._ttl_s / 2)
        self._looked_at = now
        seen = {}
        for node in nodes:
            before = self._seen.get(node.node_id)
            stands_still = before is not None and before.beat == node.beat
            silent_s = before.silent_s + passed if before and stands_still else 0.0
            seen[node.node_id] = _Seen(node.beat, silent_s)
        self._seen = seen
        return [node_id for node_id, one in seen.items() if one.silent_s > self._ttl_s]


class NodeLife:
    """This process's own heartbeat.

    Args:
        store: where the heartbeats are.
        name: this node's name for people.
        fence_s: seconds without a successful beat after which this node must hold still.
    """

    def __init__(self, store: NodeStore, name: str, *, fence_s: float) -> None:
        self._store = store
        self._name = name
        self._fence_s = fence_s
        self._beaten_at = float("-inf")
        self.node_id = ""
        self.trouble: str | None = None
        """Why the last heartbeat was not stored; `None` if it was."""

    @property
    def is_fenced(self) -> bool:
        """Whether others may already have taken this node's tasks."""
        return time.monotonic() - self._beaten_at > self._fence_s

    async def begin(self) -> None:
        """Register under a new id.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        node_id = uuid4().hex
        started = time.monotonic()
        await self._store.register(node_id, self._name)
        self.node_id, self._beaten_at = node_id, started
        _log.info("node_registered", node_id=node_id)

    async def beat(self) -> bool:
        """Give a sign of life; false when this node was declared dead and owns nothing any more."""
        started = time.monotonic()
        try:
            alive = await self._store.beat(self.node_id)
        except Unavailable as error:
            _log.warning("beat_not_stored", why=str(error))
            self.trouble = f"{error.code}: {error}"
            return True
        self.trouble = None
        if alive:
            self._beaten_at = started
        return alive

    async def leave(self) -> None:
        """Take the heartbeat away, in good order."""
        await self._store.remove(self.node_id)
