"""Connecting to RabbitMQ, and what is said about it."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tasks_bindings.bus import SessionState
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.errors import BusUnavailable
from tests.contract.bus.kit import PATIENCE_S, eventually
from tests.servers.ports import Ports
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.tcp_proxy import TcpProxy


@pytest.mark.parametrize("url", ["http://localhost/", "localhost:5672", "amqp:///vhost", ""])
def test_a_url_of_something_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="amqp://") as refused:
        AmqpBus(url.replace("localhost", "guest:s3cret@localhost"), name="x")
    assert "s3cret" not in str(refused.value)


async def test_a_bus_starts_without_a_broker_and_says_why_it_is_not_ready() -> None:
    bus = AmqpBus(f"amqp://guest:s3cret@127.0.0.1:{Ports.free().amqp}/", name="early")
    with capture_logs() as logs:
        await bus.start()
        await eventually(lambda: bus.health.last_error is not None)
        assert (bus.is_ready, bus.health.state) == (False, SessionState.CONNECTING)
        with pytest.raises(BusUnavailable, match="Connect call failed"):
            await bus.wait_ready(0.01)
        await bus.close()
    assert any(entry["event"] == "bus_session_not_opened" for entry in logs)
    assert "s3cret" not in repr(logs)


@pytest.mark.rabbitmq
async def test_a_bus_connects_as_soon_as_there_is_a_broker(
    rabbitmq: Rabbitmq, amqp_url: str
) -> None:
    port = Ports.free().amqp
    bus = AmqpBus(amqp_url.replace(f":{rabbitmq.ports.amqp}/", f":{port}/"), name="early")
    await bus.start()
    await eventually(lambda: bus.health.last_error is not None)
    proxy = TcpProxy(rabbitmq.ports.amqp)
    await proxy.start(port)
    await bus.wait_ready(3)
    await bus.close()
    await proxy.close()


@pytest.mark.rabbitmq
async def test_the_brokers_version_is_logged_and_no_password(amqp_url: str) -> None:
    bus = AmqpBus(amqp_url, name="app skel")
    with capture_logs() as logs:
        await bus.start()
        await bus.wait_ready(PATIENCE_S)
        await bus.close()
    ready = next(entry for entry in logs if entry["event"] == "bus_session_ready")
    assert ready["broker_version"].startswith("3.")
    assert ready["bus"] == "app skel"
    assert "guest:" not in repr(logs)
    assert "guest:" not in repr(vars(bus))


@pytest.mark.rabbitmq
async def test_a_wrong_password_is_reported_as_what_it_is(amqp_url: str) -> None:
    bus = AmqpBus(amqp_url.replace("guest:guest", "guest:s3cret"), name="x")
    with capture_logs() as logs:
        await bus.start()
        await eventually(lambda: bus.health.last_error is not None)
        await bus.close()
    assert "ACCESS_REFUSED" in (bus.health.last_error or "")
    assert "s3cret" not in repr(logs)


@pytest.mark.rabbitmq
async def test_both_connections_can_be_told_apart_at_the_broker(
    rabbitmq: Rabbitmq, amqp_url: str
) -> None:
    bus = AmqpBus(amqp_url, name="scheduler a")
    await bus.start()
    await bus.wait_ready(PATIENCE_S)
    listed = await asyncio.to_thread(rabbitmq.ctl, "list_connections", "client_properties")
    assert "scheduler a publish" in listed
    assert "scheduler a consume" in listed
    await bus.close()


@pytest.mark.rabbitmq
async def test_closing_a_bus_that_connects_ends_at_once(proxy: TcpProxy, proxied_url: str) -> None:
    proxy.pause()
    bus = AmqpBus(proxied_url, name="impatient")
    await bus.start()
    with pytest.raises(BusUnavailable):
        await bus.wait_ready(0.1)
    async with asyncio.timeout(6):
        await bus.close()
