"""Answers of batches that were run, so that a repeated request is not run again.

A scheduler sends a batch again when an answer was lost. The same rows and `Data` of the same task
have the same hash, so the process that ran them can answer from here; while they are still being
run, the repeated request waits for that run.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from tasks_bindings.wire.messages import Batch, Fault

MAX_ANSWERS: Final = 500
MAX_BYTES: Final = 32 * 1024 * 1024

Key = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The part of a reply that does not depend on who asked: encoded returns, `Data`, time."""

    returns: bytes
    data: str | None
    elapsed_ms: float
    fault: Fault | None = None

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.returns) + len(self.data or "")


def key_of(batch: Batch) -> Key:
    """What makes two requests the same work."""
    return batch.task_id, batch.seq, batch.hash


class Replies:
    """Runs that are going on, and the last answers, oldest forgotten first."""

    def __init__(self, *, max_answers: int = MAX_ANSWERS, max_bytes: int = MAX_BYTES) -> None:
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._bytes = 0
        self.running: Final[dict[Key, asyncio.Future[Answer]]] = {}

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
