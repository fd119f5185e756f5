"""A bus that still connects can be closed."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tasks_bindings.bus.amqp import AmqpBus


@pytest.mark.parametrize("turns", range(30))
async def test_it_closes_at_any_moment_of_an_attempt_to_connect(turns: int) -> None:
    """The driver swallows a cancellation that comes together with the refusal."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # nobody listens
        bus = AmqpBus(f"amqp://127.0.0.1:{reserved.getsockname()[1]}/", name="closing")
        await bus.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await bus.close()
