"""What is checked when a task is created, and in which words."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.e2e.conformance.client import Json, KazooClient

BAD_SHAPE: Final = "Empty CSV or some row(s) longer than others or header missing"
MALFORMED: Final = "Malformed CSV - unable to process the file due to errors in the CSV"


@pytest.mark.parametrize(
    "query",
    [{}, {"category": "numbers"}, {"action": "copy"}, {"category": "", "action": "copy"}],
)
def test_category_and_action_must_both_be_said(client: KazooClient, query: dict[str, str]) -> None:
    answer = client.ask("PUT", client.tasks, query=query, envelope={"data": {}})

    answer.failed(400, "invalid request", {"message": "invalid request"})  # Kazoo: 500


@pytest.mark.parametrize("query", [{"category": "x", "action": "y"}, {"category": "numbers"}])
def test_an_action_that_nobody_serves(client: KazooClient, query: dict[str, str]) -> None:
    answer = client.ask("PUT", client.tasks, query={"action": "nope", **query})

    answer.failed(404, "bad identifier", ["unknown_category_action"])


def test_an_action_that_nobody_serves_is_told_whatever_the_csv_is(client: KazooClient) -> None:
    query = {"category": "numbers", "action": "nope"}
    headers = {"Content-Type": "text/csv"}
    answer = client.ask("PUT", client.tasks, query=query, content=b"a,b\n1\n", headers=headers)

    answer.failed(404, "bad identifier", ["unknown_category_action"])  # Kazoo: 400


@pytest.mark.parametrize(
    ("action", "csv", "data"),
    [
        ("copy", b"note\na\n", {"missing_mandatory_fields": ["e164"]}),
        ("copy", None, {"expected_content": "text/csv", "missing_mandatory_fields": ["e164"]}),
        ("dump", b"e164\n+1\n", {"expected_content": "none"}),
        (
            "copy",
            b"e164,note\n,+14157215234\n+1,b\n",
            {"missing_mandatory_values": [',"+14157215234"\n']},
        ),
    ],
)
def test_an_input_that_does_not_fit_the_action(
    client: KazooClient, action: str, csv: bytes | None, data: Json
) -> None:
    answer = client.ask(
        "PUT",
        client.tasks,
        query={"category": "numbers", "action": action},
        content=csv,
        headers={"Content-Type": "text/csv"} if csv else None,
    )

    answer.failed(400, "bad request", data)


def test_columns_that_nobody_asked_for_are_accepted(client: KazooClient) -> None:
    assert client.read(client.create("copy", b"e164,extra\n+1,x\n"))["total_count"] == 1


def test_records_without_a_mandatory_value_are_created(client: KazooClient) -> None:
    query = {"category": "numbers", "action": "copy"}
    envelope = {"data": {"records": [{"e164": "+1"}, {"e164": ""}]}}
    answer = client.ask("PUT", client.tasks, query=query, envelope=envelope)

    assert answer.succeeded(201).task["total_count"] == 2


@pytest.mark.parametrize(
    ("csv", "message"),
    [
        (b"e164,note\n+1\n", BAD_SHAPE),
        (b"e164\n+1,2\n", BAD_SHAPE),
        (b"e164,note\n", BAD_SHAPE),
        (b"e164,\n+1,2\n", BAD_SHAPE),
        (b'e164\n"+1\n', MALFORMED),
    ],
)
def test_a_csv_without_a_shape(client: KazooClient, csv: bytes, message: str) -> None:
    query = {"category": "numbers", "action": "copy"}
    headers = {"Content-Type": "text/csv"}
    answer = client.ask("PUT", client.tasks, query=query, content=csv, headers=headers)

    assert (answer.status, answer.envelope["message"]) == (400, "validation error")
    assert answer.data["csv"]["format"]["message"] == message


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b'{"data":', ("json", "invalid")),
        (b'{"records":[]}', ("data", "required")),
        (b'{"data":"text"}', ("data", "type")),
        (b'{"data":{"records":{}}}', ("records", "type")),
        (b'{"data":{"file_name":7}}', ("file_name", "type")),
    ],
)
def test_a_body_that_breaks_the_schema_names_the_field_and_the_rule(
    client: KazooClient, content: bytes, path: tuple[str, str]
) -> None:
    query = {"category": "numbers", "action": "copy"}
    answer = client.ask("PUT", client.tasks, query=query, content=content)
    field, rule = path

    assert (answer.status, answer.envelope["message"]) == (400, "validation error")
    found: Any = answer.data[field][rule]
    assert isinstance(found["message"], str)
    if field == "json":
        assert (found["message"], found["target"]) == ("All JSON must be valid", "body")


def test_a_refused_task_is_nowhere(client: KazooClient) -> None:
    before = client.ask("GET", client.tasks).succeeded().data
    query = {"category": "numbers", "action": "copy"}
    headers = {"Content-Type": "text/csv"}
    client.ask("PUT", client.tasks, query=query, content=b"note\na\n", headers=headers)

    assert client.ask("GET", client.tasks).data == before
