"""What the driver reads from the wire, however odd, and what becomes of it."""

from __future__ import annotations

import datetime as dt
import logging
import struct
from typing import Any

import pytest
import structlog
from aiormq.abc import DeliveredMessage
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode, encode
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from tasks_bindings.bus import Message
from tasks_bindings.bus.amqp import driver
from tasks_bindings.bus.amqp.convert import to_delivery, to_properties
from tasks_bindings.logs import configure_logging

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
NOW_S = int(NOW.timestamp())


def wire(number: int) -> bytes:
    return struct.pack(">Q", number)


@pytest.mark.parametrize(
    "number",
    [
        NOW_S,
        NOW_S * 10**3,
        NOW_S * 10**6,
        NOW_S + driver.GREGORIAN_OFFSET_S,
        (NOW_S + driver.GREGORIAN_OFFSET_S) * 10**6,
    ],
)
def test_a_timestamp_is_the_same_time_in_every_unit(number: int) -> None:
    assert driver.decode_timestamp(wire(number) + b"rest") == (8, NOW)


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_every_timestamp_is_some_time(number: int) -> None:
    used, time = driver.decode_timestamp(wire(number))
    assert used == 8
    assert isinstance(time, dt.datetime)


@given(st.binary(max_size=255), st.binary(max_size=5))
def test_every_short_string_is_text(content: bytes, rest: bytes) -> None:
    encoded = bytes([len(content)]) + content + rest
    used, text = driver.decode_short_string(encoded)
    assert used == 1 + len(content)
    assert text == content.decode("utf-8", errors="replace")


@given(st.binary(max_size=80), st.binary(max_size=5))
def test_every_table_ends_where_it_says(content: bytes, rest: bytes) -> None:
    used, table = driver.decode_table(struct.pack(">I", len(content)) + content + rest)
    assert used == 4 + len(content)
    assert isinstance(table, dict)


def test_a_table_that_can_be_read_is_read() -> None:
    table: dict[str, Any] = {"attempt": 2, "nested": {"list": ["x", None]}}
    encoded = encode.field_table(table)
    assert driver.decode_table(encoded + b"rest") == (len(encoded), table)


def test_a_bottomless_table_counts_as_empty() -> None:
    driver.prepare()
    table = encode.field_table({})
    for _ in range(20_000):
        content = b"\x01nF" + table
        table = struct.pack(">I", len(content)) + content
    used, _ = driver.decode_table(table)
    assert used == len(table)


def test_preparing_twice_changes_nothing() -> None:
    driver.prepare()
    before = dict(decode.METHODS), dict(decode.TABLE_MAPPING)
    driver.prepare()
    assert (dict(decode.METHODS), dict(decode.TABLE_MAPPING)) == before


def received(properties: Basic.Properties, **fields: Any) -> DeliveredMessage:
    frame = Basic.Deliver(consumer_tag="c", delivery_tag=1, exchange="x", routing_key="k", **fields)
    header = ContentHeader(properties=properties)
    return DeliveredMessage(delivery=frame, header=header, body=b"b", channel=None)  # type: ignore[arg-type]  # not looked at


def test_a_message_survives_the_conversion_there_and_back() -> None:
    sent = Message(
        body=b"b", type="batch", expires_ms=250, persistent=True, headers={"a": 1, "b": "2"}
    )
    properties = to_properties(sent, correlation_id="c", reply_to="r")
    delivery = to_delivery(received(properties, redelivered=True))
    assert delivery.message == Message(
        body=b"b",
        type="batch",
        correlation_id="c",
        reply_to="r",
        expires_ms=250,
        persistent=True,
        headers={"a": 1, "b": "2"},
    )
    assert (delivery.exchange, delivery.routing_key, delivery.redelivered) == ("x", "k", True)


@pytest.mark.parametrize(
    ("expires_ms", "written"), [(None, None), (0, "0"), (-5, "0"), (10**12, str(2**32 - 1))]
)
def test_an_expiry_is_written_as_the_broker_accepts_it(
    expires_ms: int | None, written: str | None
) -> None:
    message = Message(body=b"", expires_ms=expires_ms)
    assert to_properties(message, correlation_id=None, reply_to=None).expiration == written


@pytest.mark.parametrize("expiration", ["soon", "-1", "1.5", "", "٣"])
def test_an_expiry_that_is_no_number_is_none(expiration: str) -> None:
    delivery = to_delivery(received(Basic.Properties(expiration=expiration)))
    assert delivery.message.expires_ms is None


def test_what_the_broker_says_of_a_message_is_told_apart_from_its_headers() -> None:
    headers: dict[str, Any] = {
        "x-delivery-count": 2,
        "x-death": [{"reason": "delivery_limit", "queue": "q", "count": 1}, {"reason": "expired"}],
        "x-first-death-reason": "expired",
        "x-last-death-queue": "q",
        "x-mine": "kept",
    }
    delivery = to_delivery(received(Basic.Properties(headers=headers)))
    assert (delivery.deliveries, delivery.death_reason) == (2, "delivery_limit")
    assert delivery.message.headers == {"x-mine": "kept"}


def test_the_driver_says_nothing_of_lost_connections_in_the_log_of_a_process() -> None:
    """The session does, in one line without a traceback."""
    before = [logging.getLogger(name).level for name in ("aiormq", "aio_pika")]
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        configure_logging(json=True, level="info", fixed={})
        driver.prepare()
        assert not logging.getLogger("aiormq.connection").isEnabledFor(logging.ERROR)
        assert not logging.getLogger("aio_pika.connection").isEnabledFor(logging.ERROR)
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
        for name, old in zip(("aiormq", "aio_pika"), before, strict=True):
            logging.getLogger(name).setLevel(old)
