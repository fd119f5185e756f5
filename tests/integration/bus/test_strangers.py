"""Whatever others put on the wire, the session lives on."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import aio_pika
import pytest
from pamqp.commands import Basic
from pamqp.common import FieldTable

from tasks_bindings.bus import Delivery
from tasks_bindings.bus.amqp.driver import GREGORIAN_OFFSET_S
from tasks_bindings.wire.topology import BINDINGS, KAZOO_TASKS, Binding, Queue, QueueKind
from tests.contract.bus.kit import KEY, Inbox, text, work_queue
from tests.integration.bus.conftest import Connect
from tests.integration.bus.raw import stranger

pytestmark = pytest.mark.rabbitmq

MARKED_TIME: Final = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
MARK: Final = struct.pack(">Q", int(MARKED_TIME.timestamp()))
KAZOO_NOW: Final = (int(MARKED_TIME.timestamp()) + GREGORIAN_OFFSET_S) * 10**6


async def received(
    connect: Connect,
    url: str,
    properties: Basic.Properties,
    replaced: Mapping[bytes, bytes] | None = None,
) -> Delivery:
    """What the bus receives of such a message; fails if the session did not survive it."""
    bus, inbox = await connect(), Inbox()
    await bus.consume(work_queue(prefetch=5), inbox)
    async with stranger(url) as other:
        await other.publish(BINDINGS.name, KEY, properties, body=b"odd", replaced=replaced)
    odd = await inbox.next()
    assert odd.message.body == b"odd"
    await bus.publish(BINDINGS.name, KEY, text("ordinary"))
    assert (await inbox.next()).message.body == b"ordinary"
    assert bus.health.sessions == 1
    return odd


async def test_the_session_survives_the_timestamps_of_a_kazoo_node(
    connect: Connect, amqp_url: str
) -> None:
    bus, inbox = await connect(), Inbox()
    requests = Queue(
        name="kztasks.kazoo",
        kind=QueueKind.SHARED,
        bindings=(Binding(KAZOO_TASKS.name, "tasks.*"),),
        prefetch=10,
    )
    await bus.consume(requests, inbox)
    properties = Basic.Properties(content_type="application/json", timestamp=MARKED_TIME)
    async with stranger(amqp_url) as kazoo:
        for number in range(3):
            await kazoo.publish(
                KAZOO_TASKS.name,
                "tasks.lookup",
                properties,
                body=b'{"Event-Name": "lookup_req", "n": %d}' % number,
                replaced={MARK: struct.pack(">Q", KAZOO_NOW)},
            )
    deliveries = [await inbox.next() for _ in range(3)]
    assert {delivery.routing_key for delivery in deliveries} == {"tasks.lookup"}
    assert not any(delivery.redelivered for delivery in deliveries)
    assert bus.health.sessions == 1


@pytest.mark.parametrize("kazoo_is_first", [True, False])
async def test_kazoos_exchanges_are_declared_with_kazoos_flags(
    connect: Connect, amqp_url: str, *, kazoo_is_first: bool
) -> None:
    if not kazoo_is_first:
        await connect()
    kazoo = await aio_pika.connect(amqp_url)
    async with kazoo:
        channel = await kazoo.channel()
        await channel.declare_exchange("tasks", "topic", durable=False, auto_delete=False)
        await channel.declare_exchange("targeted", "direct", durable=False, auto_delete=False)
    bus = await connect()
    assert bus.health.last_error is None


@pytest.mark.parametrize("number", [0, 2**63 - 1, 2**64 - 1, 10**15, 10**11 + 1])
async def test_the_session_survives_any_timestamp(
    connect: Connect, amqp_url: str, number: int
) -> None:
    properties = Basic.Properties(timestamp=MARKED_TIME)
    await received(connect, amqp_url, properties, {MARK: struct.pack(">Q", number)})


async def test_the_session_survives_odd_timestamps_in_headers(
    connect: Connect, amqp_url: str
) -> None:
    properties = Basic.Properties(headers={"when": MARKED_TIME, "attempt": 3})
    odd = await received(connect, amqp_url, properties, {MARK: b"\xff" * 8})
    assert odd.message.headers == {"attempt": 3}


@pytest.mark.parametrize("name", ["content_type", "message_type", "correlation_id", "reply_to"])
async def test_the_session_survives_properties_that_are_not_utf8(
    connect: Connect, amqp_url: str, name: str
) -> None:
    properties = Basic.Properties(**{name: "ZZZZ"})  # type: ignore[arg-type]  # all four are text
    odd = await received(connect, amqp_url, properties, {b"ZZZZ": b"\xff\xfe\xfd\xfc"})
    field = "type" if name == "message_type" else name
    assert getattr(odd.message, field) == "\N{REPLACEMENT CHARACTER}" * 4


async def test_the_session_survives_header_names_that_are_not_utf8(
    connect: Connect, amqp_url: str
) -> None:
    properties = Basic.Properties(headers={"ZZZZ": "value"})
    odd = await received(connect, amqp_url, properties, {b"ZZZZ": b"\xff\xfe\xfd\xfc"})
    assert odd.message.headers == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"nested": {"deep": {"deeper": [1, "two", {"three": None}]}}},
        {"list": [1, 2, 3], "nothing": None, "text": "ä", "array": bytearray(b"x")},
        {"price": Decimal("1.5"), "float": 1.5, "big": 2**62, "small": -(2**62)},
        {"x-death": "not a list", "x-delivery-count": "many"},
        {"x-death": [], "x-delivery-count": -1},
        {"x-death": [{"reason": 7}]},
        {"x-death": ["expired"]},
    ],
)
async def test_the_session_survives_any_headers(
    connect: Connect, amqp_url: str, headers: FieldTable
) -> None:
    odd = await received(connect, amqp_url, Basic.Properties(headers=headers))
    assert (odd.deliveries, odd.death_reason) == (0, None)
    assert all(isinstance(value, str | int) for value in odd.message.headers.values())


async def test_a_message_of_a_stranger_can_be_answered(connect: Connect, amqp_url: str) -> None:
    bus, inbox, answers = await connect(), Inbox(), Inbox()
    await bus.consume(work_queue(), inbox)
    mine = await bus.consume(Queue(name="mine", kind=QueueKind.PRIVATE), answers)
    properties = Basic.Properties(reply_to=mine.queue_name, correlation_id="théirs/1")
    async with stranger(amqp_url) as other:
        await other.publish(BINDINGS.name, KEY, properties)
    request = (await inbox.next()).message
    assert (request.type, request.content_type, request.headers) == ("", None, {})
    assert request.reply_to is not None
    await bus.publish("", request.reply_to, text("re", kind="reply"))
    assert (await answers.next()).message.body == b"re"
