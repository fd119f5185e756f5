"""A broker that cannot prove who it is gets no word, let alone the password."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tasks_bindings.bus import Message
from tasks_bindings.bus.amqp import AmqpBus
from tasks_bindings.wire.topology import DEAD_QUEUE, DEFAULT_EXCHANGE
from tests.contract.bus.kit import eventually
from tests.servers.certificates import Authority, Pair
from tests.servers.ports import Ports
from tests.servers.rabbitmq import Rabbitmq

pytestmark = pytest.mark.rabbitmq

Serve = Callable[[Pair], Awaitable[int]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def serve(rabbitmq: Rabbitmq) -> Iterator[Serve]:
    """Has the node listen with a certificate; the port."""
    ports: list[int] = []
    listener = '{{"127.0.0.1", {port}}}'.format

    async def listening(pair: Pair) -> int:
        port = Ports.free().amqp
        files = f'[{{certfile, "{pair.certificate}"}}, {{keyfile, "{pair.key}"}}]'
        await asyncio.to_thread(
            rabbitmq.evaluate,
            "{ok, _} = application:ensure_all_started(ssl), "
            f"ok = rabbit_networking:start_ssl_listener({listener(port=port)}, {files}, 2)",
        )
        ports.append(port)
        return port

    yield listening
    for port in ports:
        rabbitmq.evaluate(f"ok = rabbit_networking:stop_tcp_listener({listener(port=port)})")


def tls(amqp_url: str, rabbitmq: Rabbitmq, port: int, **query: Path) -> str:
    url = amqp_url.replace(f":{rabbitmq.ports.amqp}/", f":{port}/").replace("amqp://", "amqps://")
    return url + "?" + "&".join(f"{name}={path}" for name, path in query.items())


async def test_a_broker_with_a_good_certificate_is_used(
    rabbitmq: Rabbitmq, amqp_url: str, authority: Authority, serve: Serve
) -> None:
    port = await serve(authority.issue("good"))
    bus = AmqpBus(tls(amqp_url, rabbitmq, port, cafile=authority.file), name="secure")
    got = asyncio.Event()

    async def handle(_: object) -> None:
        got.set()

    await bus.start()
    await bus.consume(DEAD_QUEUE, handle)
    await bus.wait_ready(10)
    await bus.publish(DEFAULT_EXCHANGE, DEAD_QUEUE.name, Message(body=b"{}"))
    async with asyncio.timeout(10):
        await got.wait()
    await bus.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda one: one.self_signed("self"), "self-signed certificate"),
        (lambda one: one.issue("expired", days=-1), "certificate has expired"),
        (lambda one: one.issue("elsewhere", host="10.0.0.1"), "IP address mismatch"),
    ],
    ids=["self-signed", "expired", "of another host"],
)
async def test_one_with_another_certificate_is_refused_and_it_is_told_why(
    rabbitmq: Rabbitmq,
    amqp_url: str,
    authority: Authority,
    serve: Serve,
    make: Callable[[Authority], Pair],
    why: str,
) -> None:
    port = await serve(make(authority))
    await refused(tls(amqp_url, rabbitmq, port, cafile=authority.file), why)


async def test_an_authority_that_this_machine_does_not_know_is_not_believed(
    rabbitmq: Rabbitmq, amqp_url: str, authority: Authority, serve: Serve
) -> None:
    port = await serve(authority.issue("unknown"))
    await refused(tls(amqp_url, rabbitmq, port), "unable to get local issuer certificate")


async def refused(url: str, why: str) -> None:
    """The bus gets no session, and says why."""
    bus = AmqpBus(url, name="careful")
    await bus.start()
    try:
        await eventually(lambda: bus.health.last_error is not None)
        assert not bus.is_ready
        assert why in (bus.health.last_error or "")
    finally:
        await bus.close()
