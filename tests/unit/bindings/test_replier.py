"""Answers of work that was done wait for the broker."""

from __future__ import annotations

from typing import Any

import pytest

from tasks_bindings.bus import Delivery, Message
from tasks_bindings.errors import BusError, BusUnavailable, PublishTimeout, Unroutable
from tasks_bindings.sdk import replier
from tasks_bindings.sdk.replier import Replier
from tasks_bindings.wire.messages import MessageType

ASKED = Delivery(
    message=Message(body=b"{}", type="batch", reply_to="replies", correlation_id="7"),
    exchange="",
    routing_key="kztasks.app.t",
)


class Publishing:
    """A bus whose publishing fails as told, then works."""

    def __init__(self, *failures: BusError) -> None:
        self.failures = list(failures)
        self.sent: list[tuple[str, Message]] = []

    async def publish(self, _exchange: str, routing_key: str, message: Message) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((routing_key, message))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replier, "RETRY_S", 0.0)


def replier_on(bus: Any) -> Replier:
    return Replier(bus)


async def test_an_answer_is_kept_until_the_broker_takes_it() -> None:
    bus = Publishing(BusUnavailable("alarm"), PublishTimeout("slow"), BusUnavailable("no session"))
    await replier_on(bus).send(ASKED, MessageType.BATCH_REPLY, b"done")

    [(queue, message)] = bus.sent
    assert (queue, message.body, message.correlation_id) == ("replies", b"done", "7")


async def test_it_is_given_up_when_the_broker_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replier, "PATIENCE_S", -1.0)
    with pytest.raises(BusUnavailable):
        await replier_on(Publishing(BusUnavailable("alarm"))).send(
            ASKED, MessageType.BATCH_REPLY, b"done"
        )


async def test_progress_is_not_kept() -> None:
    with pytest.raises(BusUnavailable):
        await replier_on(Publishing(BusUnavailable("alarm"))).once(
            ASKED, MessageType.PROGRESS, b"{}"
        )


async def test_an_answer_to_somebody_who_is_gone_is_dropped() -> None:
    bus = Publishing(Unroutable("no such queue"))
    await replier_on(bus).send(ASKED, MessageType.BATCH_REPLY, b"done")

    assert bus.sent == []
