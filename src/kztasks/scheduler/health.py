"""How a scheduler is, for probes and for people: each part that it needs, and what is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from kztasks.errors import KztasksError
from kztasks.scheduler.nodes import NodeLife
from kztasks.scheduler.room import Room
from kztasks.store.interface import Store
from tasks_bindings.bus import Bus

OK: Final = "ok"
FRESH_S: Final = 1.0
"""Probes are open to all, so the database is not asked for each of them."""
PING_S: Final = 2.0


class SchedulerHealth:
    """Asks the parts of one scheduler.

    Args:
        bus: the way to the broker.
        store: the database.
        life: this scheduler's heartbeat.
        room: whether the database takes what is written.
        dead_parts: names of parts that should run for ever, and do not.
        is_leaving: whether it is about to end.
    """

    def __init__(
        self,
        bus: Bus,
        store: Store,
        life: NodeLife,
        room: Room,
        *,
        dead_parts: Callable[[], list[str]],
        is_leaving: Callable[[], bool],
    ) -> None:
        self._bus = bus
        self._store = store
        self._life = life
        self._room = room
        self._dead_parts = dead_parts
        self._is_leaving = is_leaving
        self._lock = asyncio.Lock()
        self._store_says = OK
        self._asked_at = float("-inf")

    def alive(self) -> Mapping[str, str]:
        """The process itself: a part that has ended by a defect does not come back."""
        dead = self._dead_parts()
        return {"loop": f"ended by a defect: {', '.join(dead)}" if dead else OK}

    async def checks(self) -> Mapping[str, str]:
        """`ok`, or what is wrong, for each of `broker`, `store`, `node` and `loop`."""
        return {
            "broker": self._broker(),
            "store": await self._ask_store(),
            "node": self._node(),
            **self.alive(),
        }

    def _broker(self) -> str:
        health = self._bus.health
        if health.blocked:
            return "blocked: the broker takes no messages now (memory or disk alarm)"
        if self._bus.is_ready:
            return OK
        return f"no session: {health.last_error or 'not connected yet'}"

    def _node(self) -> str:
        if self._is_leaving():
            return "leaving: no task is taken any more"
        if not self._life.node_id:
            return "not registered yet"
        if self._life.is_fenced:
            return "fenced: others may take its tasks, as its heartbeat is not stored"
        return OK

    async def _ask_store(self) -> str:
        if (lack := self._room.lack) is not None:
            return f"store_full: {lack}; no task is taken meanwhile"
        async with self._lock:
            if time.monotonic() - self._asked_at > FRESH_S:
                self._store_says = await self._ping()
                self._asked_at = time.monotonic()
            return self._store_says

    async def _ping(self) -> str:
        if self._life.trouble is not None:
            return self._life.trouble
        try:
            async with asyncio.timeout(PING_S):
                await self._store.ping()
        except KztasksError as error:
            return f"{error.code}: {error}"
        except TimeoutError:
            return f"store_unavailable: no answer within {PING_S:g} s"
        return OK
