"""A requester that knows only Kazoo's messages drives a scheduler, over both transports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from kztasks.errors import StoreUnavailable
from kztasks.kazoo import listener as listener_module
from kztasks.kazoo.listener import MAX_OVERDUE, KazooListener
from kztasks.kazoo.operations import RemoveRefusal, StartRefusal, StopRefusal
from tests.contract.bus.conftest import Transport
from tests.contract.bus.kit import eventually
from tests.contract.kazoo.kit import Crossbar, ScriptedOperations, a_task

TASK = a_task()


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
async def crossbar(transport: Transport) -> Crossbar:
    crossbar = Crossbar(await transport.bus("crossbar"))
    await crossbar.open()
    return crossbar


async def test_a_lookup_of_everything_answers_category_action_metadata(
    listener: KazooListener, crossbar: Crossbar
) -> None:
    reply = await crossbar.ask("lookup")

    assert reply.pop("App-Version")
    assert reply == {
        "App-Name": "kztasks",
        "Event-Category": "tasks",
        "Event-Name": "lookup_resp",
        "Msg-ID": "9f1c0b7a55d2e431",
        "Node": "kztasks@h2",
        "Help": {
            "skel": {
                "id2": {
                    "description": "The identity task",
                    "doc": "Every row comes back.",
                    "expected_content": "text/csv",
                    "mandatory": ["col1", "col2"],
                    "optional": [],
                },
                "tick": {"description": "Takes nothing", "mandatory": [], "optional": []},
            }
        },
    }


async def test_a_lookup_narrows_to_a_category_and_an_action(
    listener: KazooListener, crossbar: Crossbar
) -> None:
    category = await crossbar.ask("lookup", Category="skel")
    action = await crossbar.ask("lookup", Category="skel", Action="id2")
    unknown = await crossbar.ask("lookup", Category="nope", Action="id2")

    assert [*category["Help"]["skel"]] == ["id2", "tick"]
    assert [*action["Help"]["skel"]] == ["id2"]
    assert unknown["Help"] == {}


@pytest.mark.parametrize("event", ["start", "stop", "remove"])
async def test_a_reply_holds_the_task_under_read_only(
    listener: KazooListener, crossbar: Crossbar, operations: ScriptedOperations, event: str
) -> None:
    reply = await crossbar.ask(event, Task_ID=TASK.id)

    assert operations.asked == [(event, TASK.id)]
    assert reply["Event-Name"] == f"{event}_resp"
    assert reply["Reply"] == {
        "_read_only": {
            "id": TASK.id,
            "account_id": TASK.account_id,
            "auth_account_id": TASK.auth_account_id,
            "category": "skel",
            "action": "id2",
            "created": TASK.created,
            "total_count": 2,
            "status": "pending",
        }
    }


async def test_refusals_are_kazoos_words_and_one_of_ours(
    listener: KazooListener, crossbar: Crossbar, operations: ScriptedOperations
) -> None:
    """Crossbar hands a word that it does not know through to its client."""
    words: list[str] = []
    for start in StartRefusal:
        operations.start_answer = start
        words.append((await crossbar.ask("start", Task_ID="t"))["Reply"])
    for stop in StopRefusal:
        operations.stop_answer = stop
        words.append((await crossbar.ask("stop", Task_ID="t"))["Reply"])
    for remove in RemoveRefusal:
        operations.remove_answer = remove
        words.append((await crossbar.ask("remove", Task_ID="t"))["Reply"])

    assert words == [
        "already_started", "not_found", "too_many_tasks",
        "not_running", "not_found", "task_running", "not_found",
    ]  # fmt: skip


async def test_the_reply_says_that_it_is_json(listener: KazooListener, crossbar: Crossbar) -> None:
    await crossbar.send("tasks.lookup", json.dumps(crossbar.request("lookup")).encode())

    assert (await crossbar.next()).message.content_type == "application/json"


async def test_a_pid_address_is_reached_under_its_key_with_the_pid_in_a_header(
    listener: KazooListener, transport: Transport
) -> None:
    crossbar = Crossbar(await transport.bus("crossbar"), "pid://<0.811.0>/kazoo@h1-queue")
    await crossbar.open("kazoo@h1-queue")
    await crossbar.send("tasks.lookup", json.dumps(crossbar.request("lookup")).encode())

    assert (await crossbar.next()).message.headers["Deliver-To-PID"] == "<0.811.0>"


@pytest.mark.parametrize("error", [StoreUnavailable("down"), RuntimeError("a defect")])
async def test_an_operation_that_fails_is_answered_all_the_same(
    listener: KazooListener, crossbar: Crossbar, operations: ScriptedOperations, error: Exception
) -> None:
    operations.error = error
    started = await crossbar.ask("start", Task_ID="t")
    looked_up = await crossbar.ask("lookup")

    assert started["Reply"] == "unavailable"
    assert looked_up["Help"] == {}
    assert listener.counts["failed"] == 2


async def test_hostile_messages_are_dropped_once_each_and_the_next_request_is_answered(
    listener: KazooListener, crossbar: Crossbar, operations: ScriptedOperations
) -> None:
    good = crossbar.request("start", Task_ID="t")
    hostile = [
        b"",
        b"not json",
        b"[" * 10_000,
        b"\xff\xfe\xfd",
        b'"text"',
        json.dumps(good | {"Event-Category": "call"}).encode(),
        json.dumps(good | {"Event-Name": "boom_req"}).encode(),
        json.dumps(good | {"Task-ID": {"$gt": ""}}).encode(),
        json.dumps({key: value for key, value in good.items() if key != "Msg-ID"}).encode(),
        json.dumps(good | {"Padding": "x" * 100_000}).encode(),
    ]
    for body in hostile:
        await crossbar.send("tasks.start", body)
    await crossbar.send("tasks.start", json.dumps(good).encode(), content_type="text/plain")
    await crossbar.send("tasks.start", json.dumps(good).encode(), content_type=None)

    reply = await crossbar.ask("lookup")

    assert reply["Event-Name"] == "lookup_resp"
    assert operations.asked == [("lookup", None, None)]
    await eventually(lambda: listener.counts["invalid"] == len(hostile) + 2)


async def test_a_request_without_a_usable_address_is_done_and_not_answered(
    listener: KazooListener, crossbar: Crossbar, operations: ScriptedOperations
) -> None:
    request = crossbar.request("start", Task_ID="t1")
    del request["Server-ID"]
    await crossbar.send("tasks.start", json.dumps(request).encode())
    await crossbar.send("tasks.start", json.dumps(request | {"Server-ID": "pid://x"}).encode())

    await eventually(lambda: listener.counts["unaddressed"] == 2)
    assert operations.asked == [("start", "t1"), ("start", "t1")]


async def test_a_requester_that_has_gone_disturbs_nobody(
    listener: KazooListener, crossbar: Crossbar
) -> None:
    request = crossbar.request("lookup") | {"Server-ID": "gone-since"}
    await crossbar.send("tasks.lookup", json.dumps(request).encode())

    await eventually(lambda: listener.counts["unclaimed"] == 1)
    assert (await crossbar.ask("lookup"))["Help"]


async def test_two_schedulers_share_the_requests_and_none_is_done_twice(
    listener: KazooListener,
    transport: Transport,
    crossbar: Crossbar,
    operations: ScriptedOperations,
) -> None:
    second = KazooListener(await transport.bus("second"), operations, node="kztasks@h3")
    await second.open()
    ids = [f"t{number}" for number in range(60)]
    for task_id in ids:
        request = crossbar.request("start", Task_ID=task_id) | {"Msg-ID": task_id}
        await crossbar.send("tasks.start", json.dumps(request).encode())
    replies = [json.loads((await crossbar.next()).message.body) for _ in ids]
    await second.close()

    assert sorted(reply["Msg-ID"] for reply in replies) == sorted(ids)
    assert sorted(task_id or "" for _, task_id in operations.asked) == sorted(ids)
    assert {reply["Node"] for reply in replies} == {"kztasks@h2", "kztasks@h3"}


async def test_what_takes_too_long_is_answered_in_time_and_not_interrupted(
    listener: KazooListener,
    crossbar: Crossbar,
    operations: ScriptedOperations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "ANSWER_S", 0.1)
    operations.gate = asyncio.Event()
    for _ in range(MAX_OVERDUE):
        assert (await crossbar.ask("start", Task_ID="slow"))["Reply"] == "unavailable"
    assert listener.counts["overdue"] == MAX_OVERDUE
    operations.gate.set()
    await eventually(lambda: operations.ended == MAX_OVERDUE)

    assert (await crossbar.ask("start", Task_ID="quick"))["Reply"]["_read_only"]["id"] == TASK.id


async def test_while_many_requests_are_overdue_only_lookups_are_begun(
    listener: KazooListener,
    crossbar: Crossbar,
    operations: ScriptedOperations,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "ANSWER_S", 0.1)
    operations.gate = asyncio.Event()
    for _ in range(MAX_OVERDUE + 5):
        assert (await crossbar.ask("stop", Task_ID="slow"))["Reply"] == "unavailable"
    assert operations.asked == [("stop", "slow")] * MAX_OVERDUE
    assert (await crossbar.ask("lookup"))["Help"]
    operations.gate.set()
