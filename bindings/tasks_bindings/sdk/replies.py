"""Answers of batches that were run, so that a repeated request is not run again.

A scheduler sends a batch again when an answer was lost, and so does whoever takes the task over
from a dead one, cut differently perhaps. A task's rows never change: what begins at the same row,
with the same `Data`, is the same work as far as it goes. The process that ran it answers from here
if it ran no more rows than are asked for; while they are being run, the repeated request waits.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Final

from tasks_bindings.wire.messages import Batch, Fault

MAX_ANSWERS: Final = 500
MAX_BYTES: Final = 32 * 1024 * 1024

Key = tuple[str, int, int, str]
"""Task, place in its log, first row, hash of `Data`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of a reply that does not depend on who asked: encoded returns, `Data`, time."""

    returns: bytes
    data: str | None
    elapsed_ms: float
    rows: int
    """How many rows were run."""
    fault: Fault | None = None

    def fits(self, batch: Batch) -> bool:
        """Whether it answers a request for the same work, cut anywhere."""
        asked = len(batch.rows) if batch.rows is not None else batch.calls or 1
        return 0 < self.rows <= asked

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.returns) + len(self.data or "")


def key_of(batch: Batch) -> Key:
    """What makes two requests the same work, as far as both go."""
    data = "" if batch.data is None else hashlib.sha256(batch.data.encode()).hexdigest()
    return batch.task_id, batch.seq, batch.first_row, data


class Replies:
    """Runs that are going on, and the last answers, oldest forgotten first."""

    def __init__(self, *, max_answers: int = MAX_ANSWERS, max_bytes: int = MAX_BYTES) -> None:
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._bytes = 0
        self.running: Final[dict[Key, asyncio.Future[Answer]]] = {}

    def begun(self, key: Key, work: Coroutine[None, None, Answer]) -> asyncio.Future[Answer]:
        """Start a run that others may join; it says itself when it has `ended`."""
        run = asyncio.ensure_future(work)
        self.running[key] = run
        run.add_done_callback(lambda _: self._forget(key, run))  # if it was cancelled before
        return run

    def ended(self, key: Key, answer: Answer | None) -> None:
        """Nobody can join the run any more; its answer, if any row was run, is remembered."""
        self.running.pop(key, None)
        if answer is not None and answer.rows:
            self.keep(key, answer)

    def find(self, key: Key) -> Answer | None:
        """The answer to this work, if it is still known."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: Key, answer: Answer) -> None:
        """Remember an answer; forget the oldest ones above the limits."""
        if answer.size > self._max_bytes:
            return
        previous = self._answers.pop(key, None)
        self._answers[key] = answer
        self._bytes += answer.size - (previous.size if previous else 0)
        while len(self._answers) > self._max_answers or self._bytes > self._max_bytes:
            _, forgotten = self._answers.popitem(last=False)
            self._bytes -= forgotten.size

    def _forget(self, key: Key, run: asyncio.Future[Answer]) -> None:
        if self.running.get(key) is run:
            del self.running[key]
