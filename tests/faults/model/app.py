"""The bus and the app behind it: batches wait until the model answers them, truly or not.

Each run of a row makes a new number, and gives it on as `Data`: an output in which a row does not
build on the very run of the row before it shows that two owners' work was mixed.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import orjson

from tasks_bindings.bus import Delivery, Message
from tasks_bindings.bus.calls import PendingCall, PendingCalls
from tasks_bindings.bus.interface import Health, SessionState
from tasks_bindings.wire import codec
from tasks_bindings.wire.messages import (
    AppIdentity,
    CallReply,
    CallResult,
    Dead,
    HelpReply,
    MessageType,
    Metadata,
)

ADDED: Final = ("before", "run")
LIE: Final = -1
"""The number of runs that never took place."""
IDENTITY: Final = AppIdentity(name="model", instance="one", version="1")
HELP: Final = HelpReply(
    app=IDENTITY,
    help={"t": {"chain": Metadata(description="d", expected_content="text/csv", mandatory=("n",))}},
    bindings=("tasks.t.chain", "tasks.t.output_header"),
    digest="d",
)


class Lie(StrEnum):
    """The field in which a reply belongs to another batch."""

    TASK = "task_id"
    EPOCH = "epoch"
    SEQ = "seq"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch that was sent, and the call that waits for its reply."""

    batch: dict[str, Any]
    call: PendingCall


class ModelApp:
    """Runs rows, and remembers what it was asked and what it answered."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.asked: Final[list[Asked]] = []
        self.replies: Final[list[bytes]] = []
        self.runs = 0

    def run(self, batch: dict[str, Any], most: int) -> bytes:
        """The honest reply to the first rows of a batch, `most` of them at most."""
        data, returns = batch["data"], []
        for _ in batch["rows"][: max(1, most)]:
            number = next(self._numbers)
            before = "" if data is None else orjson.loads(data)
            returns.append({"row": {"before": before, "run": number}, "next": "data"})
            data = str(number)
            self.runs += 1
        reply = _reply(batch, returns, data)
        self.replies.append(reply)
        return reply

    def lie(self, batch: dict[str, Any], about: Lie) -> bytes:
        """A reply that fits the batch but for one field, and would ruin the output."""
        wrong: Any = {Lie.TASK: "another", Lie.HASH: "0"}.get(about)
        if wrong is None:
            wrong = batch[about.value] + 1
        rows = [{"row": {"before": LIE, "run": LIE}, "next": "data"} for _ in batch["rows"]]
        return _reply({**batch, about.value: wrong}, rows, str(LIE))


class ModelBus:
    """One scheduler's way to the app. What is asked stands in `app.asked` and in `waiting`."""

    def __init__(self, app: ModelApp) -> None:
        self._app = app
        self._pending = PendingCalls()
        self.waiting: Final[list[Asked]] = []
        self.is_ready: Final = True
        self.health: Final = Health(
            state=SessionState.READY, last_error=None, blocked=False, sessions=1, late_replies=0
        )

    @asynccontextmanager
    async def call(
        self, exchange: str, key: str, message: Message, **_: Any
    ) -> AsyncIterator[PendingCall]:
        """Ask; a call of a callback is answered at once."""
        with self._pending.open() as call:
            if message.type == MessageType.CALL:
                value = {"add": list(ADDED)}
                reply = CallReply(app=IDENTITY, results=(CallResult(value=value),))
                call.answer(_delivery(MessageType.CALL_REPLY, codec.encode(reply)))
                yield call
                return
            asked = Asked(orjson.loads(message.body), call)
            self._app.asked.append(asked)
            self.waiting.append(asked)
            try:
                yield call
            finally:
                if asked in self.waiting:
                    self.waiting.remove(asked)

    async def publish(self, exchange: str, key: str, message: Message, **_: Any) -> None:
        """Hints and cancels; that they get lost costs time alone, so here they always are."""

    async def wait_ready(self, timeout: float) -> None:
        """It is always there."""

    def answer(self, asked: Asked, body: bytes) -> None:
        """Send a reply under a call's correlation id, whether the call is still open or not."""
        delivery = _delivery(MessageType.BATCH_REPLY, body)
        self._dispatch(asked, delivery)

    def give_up(self, asked: Asked) -> None:
        """Tell that nobody took the batch in time."""
        self._dispatch(asked, _delivery(MessageType.DEAD, codec.encode(Dead(reason="expired"))))

    def lose_session(self) -> None:
        """All open calls fail."""
        self._pending.fail_all("the session was lost")

    def _dispatch(self, asked: Asked, delivery: Delivery) -> None:
        message = replace(delivery.message, correlation_id=asked.call.correlation_id)
        self._pending.dispatch(replace(delivery, message=message))


def _reply(batch: dict[str, Any], returns: list[dict[str, Any]], data: str | None) -> bytes:
    return orjson.dumps(
        {
            "v": codec.VERSION,
            "task_id": batch["task_id"],
            "epoch": batch["epoch"],
            "seq": batch["seq"],
            "attempt": batch["attempt"],
            "hash": batch["hash"],
            "app": IDENTITY.model_dump(),
            "returns": returns,
            "data": data,
            "elapsed_ms": 0.1,
        }
    )


def _delivery(kind: MessageType, body: bytes) -> Delivery:
    return Delivery(message=Message(body=body, type=kind), exchange="", routing_key="")
