"""The front's client asks a scheduler as Crossbar would, over both transports."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from structlog.contextvars import bound_contextvars

from kztasks.errors import SchedulerUnavailable, StoreUnavailable
from kztasks.kazoo.client import KazooClient
from kztasks.kazoo.listener import REQUESTS_QUEUE, KazooListener
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from tasks_bindings.bus import Bus, Message
from tasks_bindings.wire.topology import KAZOO_TARGETED
from tests.contract.bus.conftest import Transport
from tests.contract.bus.kit import Inbox
from tests.contract.kazoo.kit import HELP, ScriptedOperations, a_task


@pytest.fixture
def operations() -> ScriptedOperations:
    return ScriptedOperations()


@pytest.fixture
async def listener(
    transport: Transport, operations: ScriptedOperations
) -> AsyncIterator[KazooListener]:
    listener = KazooListener(await transport.bus("scheduler"), operations, node="kztasks@h2")
    await listener.open()
    yield listener
    await listener.close()


@pytest.fixture
async def api_bus(transport: Transport) -> Bus:
    return await transport.bus("api")


@pytest.fixture
async def client(api_bus: Bus) -> AsyncIterator[KazooClient]:
    client = KazooClient(api_bus, "kztasks@h1", timeout_s=1.0)
    await client.open()
    yield client
    await client.close()


async def test_lookup_gives_the_metadata_that_the_scheduler_knows(
    listener: KazooListener, client: KazooClient
) -> None:
    assert await client.lookup() == HELP
    assert await client.lookup("skel", "id2") == {"skel": {"id2": HELP["skel"]["id2"]}}
    assert await client.lookup("nope") == {}


async def test_start_stop_and_remove_give_the_task(
    listener: KazooListener, client: KazooClient, operations: ScriptedOperations
) -> None:
    task = a_task()
    for operation in (client.start, client.stop, client.remove):
        answer = await operation(task.id)
        assert isinstance(answer, dict)
        shown = answer["_read_only"]
        assert isinstance(shown, dict)
        assert shown["id"] == task.id

    assert operations.asked == [("start", task.id), ("stop", task.id), ("remove", task.id)]


async def test_refusals_come_back_as_what_they_are(
    listener: KazooListener, client: KazooClient, operations: ScriptedOperations
) -> None:
    operations.start_answer = StartRefusal.ALREADY_STARTED
    operations.stop_answer = StopRefusal.NOT_RUNNING
    operations.remove_answer = RemoveRefusal.TASK_RUNNING

    assert await client.start("t") is StartRefusal.ALREADY_STARTED
    assert await client.stop("t") is StopRefusal.NOT_RUNNING
    assert await client.remove("t") is RemoveRefusal.TASK_RUNNING


async def test_many_calls_at_once_get_each_its_own_answer(
    listener: KazooListener, client: KazooClient
) -> None:
    wanted = ["id2", "tick"] * 50

    found = await asyncio.gather(*(client.lookup("skel", action) for action in wanted))

    assert [next(iter(actions["skel"])) for actions in found] == wanted


async def test_without_any_scheduler_it_is_known_at_once(client: KazooClient) -> None:
    began = time.monotonic()
    with pytest.raises(SchedulerUnavailable, match="no scheduler is there"):
        await client.start("t")

    assert time.monotonic() - began < 0.9


async def test_a_silent_scheduler_is_given_up_on_in_time(
    client: KazooClient, transport: Transport
) -> None:
    silent = await transport.bus("silent")
    await silent.consume(REQUESTS_QUEUE, Inbox())

    with pytest.raises(SchedulerUnavailable, match=r"no answer within 1\.0 s"):
        await client.start("t")


async def test_a_scheduler_that_cannot_decide_is_as_good_as_none(
    listener: KazooListener, client: KazooClient, operations: ScriptedOperations
) -> None:
    operations.error = StoreUnavailable("down")

    with pytest.raises(SchedulerUnavailable):
        await client.start("t")


async def test_without_a_session_the_call_fails_at_once(transport: Transport) -> None:
    client = KazooClient(transport.client("never started"), "kztasks@h1", timeout_s=5.0)
    began = time.monotonic()

    with pytest.raises(SchedulerUnavailable):
        await client.lookup()

    assert not client.is_ready
    assert time.monotonic() - began < 1.0


async def test_calls_work_again_in_the_next_session(
    listener: KazooListener, client: KazooClient, api_bus: Bus, transport: Transport
) -> None:
    assert await client.lookup() == HELP
    await transport.lose_session(api_bus)

    assert await client.lookup() == HELP


async def test_the_request_carries_what_crossbar_sends(
    client: KazooClient, transport: Transport
) -> None:
    inbox = Inbox()
    await (await transport.bus("scheduler")).consume(REQUESTS_QUEUE, inbox)
    with bound_contextvars(request_id="http-1"), pytest.raises(SchedulerUnavailable):
        await client.start("t1")

    delivery = await inbox.next()
    request = json.loads(delivery.message.body)
    assert delivery.routing_key == "tasks.start"
    assert delivery.message.content_type == "application/json"
    assert request.keys() >= {"App-Name", "App-Version", "Msg-ID", "Server-ID"}
    assert request["Event-Category"] == "tasks"
    assert request["Event-Name"] == "start_req"
    assert request["Task-ID"] == "t1"
    assert request["Node"] == "kztasks@h1"
    assert request["System-Log-ID"] == "http-1"


async def test_bad_and_strange_replies_are_passed_over_until_the_right_one(
    client: KazooClient, transport: Transport
) -> None:
    scheduler = await transport.bus("scheduler")
    inbox = Inbox()
    await scheduler.consume(REQUESTS_QUEUE, inbox)
    call = asyncio.create_task(client.start("t1"))
    request = json.loads((await inbox.next()).message.body)
    good = request | {"Event-Name": "start_resp", "Reply": "already_started"}
    for reply in (
        b"nonsense",
        json.dumps(good | {"Msg-ID": "another"}).encode(),
        json.dumps(good | {"Event-Name": "stop_resp"}).encode(),
        json.dumps(good | {"Reply": 7}).encode(),
        json.dumps(good).encode(),
        json.dumps(good | {"Reply": "not_found"}).encode(),
    ):
        await scheduler.publish(KAZOO_TARGETED.name, request["Server-ID"], Message(body=reply))

    assert await call is StartRefusal.ALREADY_STARTED


async def test_two_clients_get_their_own_answers(
    listener: KazooListener, client: KazooClient, transport: Transport
) -> None:
    other = KazooClient(await transport.bus("other"), "kztasks@h1")
    await other.open()

    answers = await asyncio.gather(client.lookup("skel"), other.lookup("nope"))

    assert answers[0]
    assert not answers[1]
    await other.close()
