"""Hears every batch that goes to an app, in the order in which the broker took them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tasks_bindings.wire.topology import BINDINGS
from tests.servers.stranger import Received, Stranger

QUIET_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that a scheduler sent."""

    at: float
    """When it was heard, by `time.monotonic`."""
    task: str
    epoch: int
    seq: int


class Spy:
    """Listens in a thread until it is told to stop."""

    def __init__(self, amqp_url: str) -> None:
        self.sent: list[Sent] = []
        self._stranger = Stranger(amqp_url)
        self._stranger.bind(BINDINGS.name, "#")
        self._stop = threading.Event()

    def listen(self) -> None:
        """Hear until `stop`."""
        while not self._stop.is_set():
            for received in self._stranger.drain(QUIET_S):
                self._hear(received)
        self._stranger.close()

    def stop(self) -> None:
        """Have `listen` end."""
        self._stop.set()

    def _hear(self, received: Received) -> None:
        if received.properties.type == "batch":
            batch = json.loads(received.body)
            sent = Sent(time.monotonic(), batch["task_id"], batch["epoch"], batch["seq"])
            self.sent.append(sent)


@asynccontextmanager
async def spying(amqp_url: str) -> AsyncIterator[Spy]:
    """A spy who listens while the context is open; apps and schedulers must have declared."""
    spy = await asyncio.to_thread(Spy, amqp_url)
    listening = asyncio.create_task(asyncio.to_thread(spy.listen))
    try:
        yield spy
    finally:
        spy.stop()
        await listening


def out_of_date(sent: Sequence[Sent]) -> list[Sent]:
    """Batches that came after one of a later owner of their task."""
    latest: defaultdict[str, int] = defaultdict(int)
    stale = []
    for one in sent:
        if one.epoch < latest[one.task]:
            stale.append(one)
        latest[one.task] = max(latest[one.task], one.epoch)
    return stale


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which a scheduler stood still."""

    member: str
    within: float
    """A moment of it, by the wall clock, as in the logs."""
    lines: Sequence[Mapping[str, Any]]
    """`batch_due`: what the process decided to send, before and after."""


def after_waking(sent: Sequence[Sent], pauses: Sequence[Pause]) -> list[Sent]:
    """Which of these batches were not on their way already when their scheduler was paused.

    Between the decision to send and the last byte on the wire a process may stand still for as long
    as it likes; no look at a clock can prevent that. What was decided after waking can be.
    """
    return [one for one in sent if not any(_was_under_way(one, pause) for pause in pauses)]


def _was_under_way(one: Sent, pause: Pause) -> bool:
    decisions = [
        datetime.fromisoformat(line["ts"]).timestamp()
        for line in pause.lines
        if (line["task_id"], line["epoch"], line["batch"]) == (one.task, one.epoch, one.seq)
    ]
    return bool(decisions) and max(decisions) <= pause.within
