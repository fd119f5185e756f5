"""What calls promise: each gets its own answers, and no call waits for what cannot come."""

from __future__ import annotations

import asyncio
import time

import pytest

from tasks_bindings.bus import Bus, Delivery
from tasks_bindings.errors import BusUnavailable, ReplyTimeout, Unroutable
from tasks_bindings.wire.topology import BINDINGS
from tests.contract.bus.conftest import Transport
from tests.contract.bus.kit import KEY, PATIENCE_S, Gate, answer, replier, text, work_queue


async def asked(bus: Bus, body: str) -> str:
    async with bus.call(BINDINGS.name, KEY, text(body)) as call:
        return (await call.receive(PATIENCE_S)).message.body.decode()


async def test_progress_and_the_reply_come_in_order(transport: Transport) -> None:
    client, server = await transport.bus("client"), await transport.bus("server")
    await server.consume(work_queue(), replier(server, "10 rows", "20 rows", "done"))
    async with client.call(BINDINGS.name, KEY, text("rows")) as call:
        received = [(await call.receive(PATIENCE_S)).message.body for _ in range(3)]
    assert received == [b"10 rows", b"20 rows", b"done"]


async def test_concurrent_calls_get_their_own_answers(transport: Transport) -> None:
    client, server, requests = await transport.bus("client"), await transport.bus("server"), []

    async def answer_backwards(delivery: Delivery) -> None:
        requests.append(delivery)
        if len(requests) == 20:
            for request in reversed(requests):
                await answer(server, request, f"re: {request.message.body.decode()}")

    await server.consume(work_queue(prefetch=20), answer_backwards)
    answers = await asyncio.gather(*(asked(client, str(number)) for number in range(20)))
    assert answers == [f"re: {number}" for number in range(20)]


async def test_two_clients_get_their_own_answers(transport: Transport) -> None:
    first, second, server = [await transport.bus(name) for name in ("one", "two", "server")]
    await server.consume(work_queue(prefetch=2), replier(server))
    answers = await asyncio.gather(asked(first, "a"), asked(second, "b"))
    assert list(answers) == ["a", "b"]


async def test_a_call_to_nobody_fails_at_once(transport: Transport) -> None:
    client = await transport.bus()
    begun = time.monotonic()
    with pytest.raises(Unroutable):
        async with client.call(BINDINGS.name, KEY, text("x"), timeout=30):
            pytest.fail("there is nobody to answer")
    assert time.monotonic() - begun < 2


async def test_a_call_that_may_reach_nobody_just_gets_no_answer(transport: Transport) -> None:
    client = await transport.bus()
    async with client.call(BINDINGS.name, KEY, text("x"), mandatory=False) as call:
        with pytest.raises(ReplyTimeout):
            await call.receive(0.05)


async def test_a_call_stays_open_after_a_timeout(transport: Transport) -> None:
    client, server, gate = await transport.bus("client"), await transport.bus("server"), Gate()
    await server.consume(work_queue(), gate)
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        request = await gate.arrival()
        with pytest.raises(ReplyTimeout):
            await call.receive(0.02)
        await answer(server, request, "at last")
        assert (await call.receive(PATIENCE_S)).message.body == b"at last"


async def test_answers_wait_until_they_are_asked_for(transport: Transport) -> None:
    client, server = await transport.bus("client"), await transport.bus("server")
    await server.consume(work_queue(), replier(server, "one", "two"))
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        await asked(client, "comes back behind both answers")
        assert (await call.receive(0)).message.body == b"one"
        assert (await call.receive(0)).message.body == b"two"


async def test_a_late_answer_is_counted_and_dropped(transport: Transport) -> None:
    client, server, gate = await transport.bus("client"), await transport.bus("server"), Gate()
    late = work_queue("late.key", name="kztasks.app.late")
    await server.consume(late, gate)
    await server.consume(work_queue(), replier(server))
    async with client.call(BINDINGS.name, "late.key", text("x")):
        request = await gate.arrival()
    await answer(server, request, "too late")
    assert await asked(client, "in time") == "in time"
    assert client.health.late_replies == 1


async def test_an_answer_to_a_requester_who_is_gone_is_unroutable(transport: Transport) -> None:
    client, server, gate = await transport.bus("client"), await transport.bus("server"), Gate()
    await server.consume(work_queue(), gate)
    async with client.call(BINDINGS.name, KEY, text("x")):
        request = await gate.arrival()
        await transport.lose_session(client)
    with pytest.raises(Unroutable):
        await answer(server, request, "anybody there?")


async def test_a_pending_call_fails_at_once_when_the_session_is_lost(transport: Transport) -> None:
    client, server, gate = await transport.bus("client"), await transport.bus("server"), Gate()
    await server.consume(work_queue(), gate)
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        await gate.arrival()
        begun = time.monotonic()
        transport.cut(client)
        with pytest.raises(BusUnavailable):
            await call.receive(30)
        assert time.monotonic() - begun < 1
        with pytest.raises(BusUnavailable):
            await call.receive(30)


async def test_a_pending_call_fails_at_once_when_the_bus_is_closed(transport: Transport) -> None:
    client, server, gate = await transport.bus("client"), await transport.bus("server"), Gate()
    await server.consume(work_queue(), gate)
    async with client.call(BINDINGS.name, KEY, text("x")) as call:
        await gate.arrival()
        waiting = asyncio.create_task(call.receive(30))
        await client.close()
        with pytest.raises(BusUnavailable):
            await asyncio.wait_for(waiting, 1)


async def test_answers_that_came_before_the_loss_are_not_lost(transport: Transport) -> None:
    client, server = await transport.bus("client"), await transport.bus("server")
    await server.consume(work_queue(), replier(server))
    async with client.call(BINDINGS.name, KEY, text("came")) as call:
        await asked(client, "comes back behind the answer")
        await transport.lose_session(client)
        assert (await call.receive(0)).message.body == b"came"
        with pytest.raises(BusUnavailable):
            await call.receive(30)
