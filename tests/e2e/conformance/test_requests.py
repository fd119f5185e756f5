"""Bodies, media types, tunnels: where a request may say what."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest

from tests.e2e.conformance.client import Json, KazooClient

COPY: Final = {"category": "numbers", "action": "copy"}
CSV: Final = b"e164,note\n+1,a\n+2,b\n"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/octet-stream", "text/csv", "text/comma-separated-values",
        "text/csv; charset=utf-8", "TEXT/CSV",
    ],
)  # fmt: skip
def test_a_csv_is_taken_under_these_types(client: KazooClient, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    answer = client.ask("PUT", client.tasks, query=COPY, content=CSV, headers=headers)

    assert answer.succeeded(201).task["total_count"] == 2
    stored = client.ask("GET", client.one(answer.task["id"]) + "/input")
    assert stored.content == CSV


@pytest.mark.parametrize("media_type", ["application/json", "application/x-json", None])
def test_records_are_taken_under_these_types_and_without_any(
    client: KazooClient, media_type: str | None
) -> None:
    content = b'{"data":{"records":[{"e164":"+1","note":"a"},{"e164":"+2"}],"file_name":"n"}}'
    headers = {"Content-Type": media_type} if media_type else None
    answer = client.ask("PUT", client.tasks, query=COPY, content=content, headers=headers)

    assert answer.succeeded(201).task["total_count"] == 2
    assert answer.task["file_name"] == "n"
    stored = client.ask("GET", client.one(answer.task["id"]) + "/input")
    assert stored.content == b'"e164","note"\n"+1","a"\n"+2",\n'


@pytest.mark.parametrize(
    "media_type", ["application/x-www-form-urlencoded", "application/pdf", "text/plain"]
)
def test_other_types_are_not_taken(client: KazooClient, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    answer = client.ask("PUT", client.tasks, query=COPY, content=CSV, headers=headers)

    assert answer.status == 415


def test_a_csv_may_be_spelt_in_base64(client: KazooClient) -> None:
    headers = {"Content-Type": "text/csv", "Content-Transfer-Encoding": "base64"}
    content = base64.encodebytes(CSV)
    answer = client.ask("PUT", client.tasks, query=COPY, content=content, headers=headers)

    stored = client.ask("GET", client.one(answer.succeeded(201).task["id"]) + "/input")
    assert stored.content == CSV


@pytest.mark.parametrize("envelope", [None, {"data": {}}, {"data": {"records": []}}])
def test_no_records_are_no_input(client: KazooClient, envelope: Json | None) -> None:
    query = {"category": "numbers", "action": "dump"}
    answer = client.ask("PUT", client.tasks, query=query, envelope=envelope).succeeded(201)

    assert "total_count" not in answer.task
    assert "csvs" not in client.read(answer.task["id"])


@pytest.mark.parametrize(
    ("query", "envelope", "name"),
    [
        ({"file_name": "q"}, {"data": {"file_name": "d"}, "file_name": "e"}, "d"),
        ({"file_name": "q"}, {"data": {}, "file_name": "e"}, "q"),
        ({}, {"data": {}, "file_name": "e"}, "e"),
        ({}, {"data": {}}, None),
    ],
)
def test_a_value_is_looked_for_in_data_then_in_the_query_then_in_the_envelope(
    client: KazooClient, query: dict[str, str], envelope: Json, name: str | None
) -> None:
    query = {"category": "numbers", "action": "dump", **query}
    answer = client.ask("PUT", client.tasks, query=query, envelope=envelope).succeeded(201)

    assert answer.task.get("file_name") == name


def test_category_and_action_are_read_from_the_query_alone(client: KazooClient) -> None:
    envelope = {"data": {"category": "numbers", "action": "dump"}, "action": "dump"}
    answer = client.ask("PUT", client.tasks, envelope=envelope)

    assert answer.status == 400


def test_keys_of_the_envelope_are_lower_cased(client: KazooClient) -> None:
    task_id = client.create("dump")
    answer = client.ask("POST", client.one(task_id), envelope={"DATA": {}, "Verb": "DELETE"})

    assert answer.succeeded().task["id"] == task_id


@pytest.mark.parametrize("verb", ["put", "PUT", "Put"])
@pytest.mark.parametrize("place", ["data", "query", "envelope"])
def test_a_post_with_a_verb_creates_and_says_200(
    client: KazooClient, verb: str, place: str
) -> None:
    query = {"category": "numbers", "action": "dump"}
    envelope: dict[str, Any] = {"data": {}}
    where: dict[str, Any] = {"data": envelope["data"], "query": query, "envelope": envelope}
    where[place]["verb"] = verb
    answer = client.ask("POST", client.tasks, query=query, envelope=envelope)

    assert answer.succeeded(200).task["status"] == "pending"


def test_a_life_by_posts_alone(client: KazooClient) -> None:
    headers = {"Content-Type": "text/csv"}
    query = {"category": "numbers", "action": "wait", "verb": "put"}
    created = client.ask(
        "POST", client.tasks, query=query, content=b"e164\n+1\n" * 50, headers=headers
    )
    one = client.one(created.succeeded(200).task["id"])

    def post(path: str, verb: str) -> Any:
        return client.ask("POST", path, envelope={"data": {}, "verb": verb}).succeeded().data

    assert post(one, "patch")["_read_only"]["status"] == "executing"
    assert post(one, "get")["_read_only"]["status"] == "executing"
    assert post(f"{one}/stop", "patch")["_read_only"]["status"] == "stopped"
    assert isinstance(post(client.tasks, "get"), list)
    assert post(one, "delete")["_read_only"]["status"] == "stopped"


def test_a_verb_beside_another_method_is_not_obeyed(client: KazooClient) -> None:
    task_id = client.create("dump")
    client.ask("GET", client.one(task_id), query={"verb": "delete"}).succeeded()

    assert client.read(task_id)["id"] == task_id


@pytest.mark.parametrize("verb", [None, "stop", "post", "head"])
def test_a_post_without_a_verb_of_the_path_is_refused(
    client: KazooClient, verb: str | None
) -> None:
    query = {"verb": verb} if verb else None
    answer = client.ask("POST", client.one("0" * 30), query=query)

    answer.failed(405, "invalid_method", {"message": "method not allowed"})
