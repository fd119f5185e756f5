"""The eight messages of Kazoo's API, byte by byte as a Kazoo node writes and reads them."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from kztasks.kazoo.envelope import MAX_REQUEST_BYTES, drop_unset, encode, headers, kazoo_key
from kztasks.kazoo.messages import (
    LookupReply,
    LookupRequest,
    RemoveRequest,
    StartReply,
    StartRequest,
    StopRequest,
    parse_request,
    reply_address,
)
from tasks_bindings.errors import DecodeError, MessageTooLarge, WireError

FROM_CROSSBAR = {
    "Event-Category": "tasks",
    "Event-Name": "lookup_req",
    "App-Name": "crossbar",
    "App-Version": "4.0.0",
    "Msg-ID": "9f1c0b7a55d2e431",
    "Server-ID": "kazoo_apps@h1.example.com-kz_amqp_worker-<0.2211.0>-1a2b3c4d",
    "Node": "kazoo_apps@h1.example.com",
    "System-Log-ID": "0d5e7c0b2f9a4f6f8f0b1c2d3e4f5a6b",
    "Category": "number_management",
    "Action": "find",
}
"""A lookup as Crossbar sends it."""


def crossbar(**changes: object) -> bytes:
    """The lookup with keys changed (`Msg_ID` is `Msg-ID`), or removed where the value is `...`."""
    named = {key.replace("_", "-"): value for key, value in changes.items()}
    content = {key: value for key, value in {**FROM_CROSSBAR, **named}.items() if value is not ...}
    return json.dumps(content).encode()


def parse(body: bytes) -> object:
    return parse_request(body, "application/json")


def test_reads_a_lookup_of_a_real_crossbar() -> None:
    request = parse(crossbar())

    assert isinstance(request, LookupRequest)
    assert request.category == "number_management"
    assert request.action == "find"
    assert request.msg_id == "9f1c0b7a55d2e431"
    assert request.server_id == FROM_CROSSBAR["Server-ID"]
    assert request.system_log_id == FROM_CROSSBAR["System-Log-ID"]


@pytest.mark.parametrize(
    ("name", "model"),
    [("start_req", StartRequest), ("stop_req", StopRequest), ("remove_req", RemoveRequest)],
)
def test_event_name_alone_decides_what_a_request_is(name: str, model: type) -> None:
    request = parse(crossbar(Event_Name=name, Task_ID="t1"))

    assert isinstance(request, model)


def test_keys_that_are_not_known_are_ignored() -> None:
    assert isinstance(parse(crossbar(Something_New={"a": [1]})), LookupRequest)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"a":' * 5_000,
        crossbar(App_Name=...),
        crossbar(App_Version=...),
        crossbar(Event_Category=...),
        crossbar(Event_Name=...),
        crossbar(Msg_ID=...),
        crossbar(Msg_ID=""),
        crossbar(Msg_ID=7),
        crossbar(Event_Category="call"),
        crossbar(Event_Name="explode_req"),
        crossbar(Event_Name="lookup_resp"),
        crossbar(Event_Name="start_req"),
        crossbar(Event_Name="start_req", Task_ID={"$ne": None}),
        crossbar(Event_Name="start_req", Task_ID="x" * 256),
        crossbar(Category=["a"]),
        crossbar(Server_ID={"a": 1}),
    ],
)
def test_what_is_no_request_is_refused_with_a_wire_error(body: bytes) -> None:
    with pytest.raises(WireError):
        parse(body)


def test_an_oversized_request_is_refused_before_it_is_read() -> None:
    with pytest.raises(MessageTooLarge):
        parse(crossbar(Padding="x" * MAX_REQUEST_BYTES))


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/erlang"])
def test_only_json_is_spoken(content_type: str | None) -> None:
    with pytest.raises(DecodeError, match="content type"):
        parse_request(crossbar(), content_type)


def test_a_request_carries_all_required_headers_and_no_unset_key() -> None:
    request = LookupRequest(**headers("kztasks@h2", "m1"), server_id="back", category="rates")

    content = json.loads(encode(request))

    assert content.pop("App-Version")
    assert content == {
        "App-Name": "kztasks",
        "Event-Category": "tasks",
        "Event-Name": "lookup_req",
        "Msg-ID": "m1",
        "Node": "kztasks@h2",
        "Server-ID": "back",
        "Category": "rates",
    }


def test_a_reply_repeats_the_msg_id_and_holds_the_task_under_read_only() -> None:
    reply = StartReply(**headers("n", "m1"), reply={"_read_only": {"id": "t1", "node": None}})

    content = json.loads(encode(reply))

    assert content["Msg-ID"] == "m1"
    assert content["Event-Name"] == "start_resp"
    assert content["Reply"] == {"_read_only": {"id": "t1"}}


def test_an_empty_help_stays_in_the_reply() -> None:
    assert json.loads(encode(LookupReply(**headers("n", "m1"), help={})))["Help"] == {}


def test_null_and_empty_text_are_dropped_at_any_depth_and_nothing_else() -> None:
    content: dict[str, JsonValue] = {
        "a": None,
        "b": "",
        "c": {"d": "", "e": 0, "f": False, "g": [], "h": {}},
        "i": [{"j": None, "k": "x"}, "", None],
        "Msg-ID": "",
    }

    assert drop_unset(content) == {
        "c": {"e": 0, "f": False, "g": [], "h": {}},
        "i": [{"k": "x"}, "", None],
        "Msg-ID": "",
    }


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("msg_id", "Msg-ID"),
        ("system_log_id", "System-Log-ID"),
        ("app_name", "App-Name"),
        ("help", "Help"),
    ],
)
def test_keys_are_spelt_as_kazoo_spells_them(field: str, key: str) -> None:
    assert kazoo_key(field) == key


def test_a_server_id_is_the_routing_key_of_the_reply() -> None:
    address = reply_address("kazoo_apps@h1-<0.811.0>-3fa9c1d2")

    assert address is not None
    assert address.routing_key == "kazoo_apps@h1-<0.811.0>-3fa9c1d2"
    assert address.headers == {}


def test_a_pid_address_names_the_key_and_the_process_behind_it() -> None:
    address = reply_address("pid://<0.811.0>/kazoo_apps@h1/x")

    assert address is not None
    assert address.routing_key == "kazoo_apps@h1/x"
    assert address.headers == {"Deliver-To-PID": "<0.811.0>"}


@pytest.mark.parametrize("server_id", [None, "", "pid://", "pid://<0.1.0>", "pid://p/", "ü" * 128])
def test_where_no_reply_can_be_addressed_there_is_no_address(server_id: str | None) -> None:
    assert reply_address(server_id) is None
