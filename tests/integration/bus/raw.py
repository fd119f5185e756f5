"""A stranger on the bus: publishes what our own code never would, down to single bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aio_pika
from aiormq import Channel
from aiormq.abc import ChannelFrame
from pamqp import commands, header
from pamqp.body import ContentBody
from pamqp.commands import Basic


class Stranger:
    """One open channel without confirms."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        properties: Basic.Properties,
        *,
        body: bytes = b"{}",
        replaced: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """Publish; `replaced` are bytes that are exchanged in the encoded frames."""
        frame = ChannelFrame.marshall(
            self._channel.number,
            [
                commands.Basic.Publish(exchange=exchange, routing_key=routing_key),
                header.ContentHeader(body_size=len(body), properties=properties),
                ContentBody(body),
            ],
        )
        payload = frame.payload
        for old, new in (replaced or {}).items():
            assert payload.count(old) == 1, "the bytes to replace are not there, or not once"
            assert len(old) == len(new), "frames carry their length"
            payload = payload.replace(old, new)
        await self._channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))


@asynccontextmanager
async def stranger(url: str) -> AsyncIterator[Stranger]:
    """Connect beside the bus."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=False, on_return_raises=False)
        wire = await channel.get_underlay_channel()
        assert isinstance(wire, Channel)
        yield Stranger(wire)
        await channel.close()
