"""The envelope, the headers around it, and other sites' scripts."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conformance.client import KazooClient
from tests.e2e.conformance.conftest import Site


def test_who_is_known_gets_the_token_back(site: Site, client: KazooClient) -> None:
    known = client.ask("GET", client.tasks).succeeded().envelope
    unknown = KazooClient(site.http, "").ask("GET", "/v2/tasks").succeeded().envelope

    assert known["auth_token"] == client.token
    assert known["version"]
    assert unknown.keys().isdisjoint({"auth_token", "version"})


def test_a_request_costs_a_token(client: KazooClient) -> None:
    first = client.ask("GET", client.tasks).envelope["tokens"]

    assert first["consumed"] == 1
    assert first["remaining"] > 0


@pytest.mark.parametrize("path", ["{tasks}", "{tasks}/{task}"])
def test_a_revision_is_the_etag_and_changes_with_the_data(client: KazooClient, path: str) -> None:
    task_id = client.create("dump")
    url = path.format(tasks=client.tasks, task=task_id)
    first = client.ask("GET", url)
    same = client.ask("GET", url, headers={"If-None-Match": first.headers["etag"]})
    client.ask("PATCH", client.one(task_id)).succeeded()
    later = client.ask("GET", url)

    assert first.headers["etag"].strip('"') == first.envelope["revision"]
    assert same.status == 304
    assert later.envelope["revision"] != first.envelope["revision"]


def test_a_requests_own_id_is_used(client: KazooClient) -> None:
    answer = client.ask("GET", client.tasks, headers={"X-Request-ID": "portal-17"})

    assert answer.envelope["request_id"] == answer.headers["x-request-id"] == "portal-17"


@pytest.mark.parametrize("said", ["header", "query"])
def test_an_answer_may_be_printed_for_people(client: KazooClient, said: str) -> None:
    in_header = {"X-Pretty-Print": "true"} if said == "header" else None
    in_query = {"pretty_print": "true"} if said == "query" else None
    one = client.one(client.create("dump"))
    plain = client.ask("GET", one)
    pretty = client.ask("GET", one, headers=in_header, query=in_query)

    assert b"\n" not in plain.content
    assert len(pretty.content.splitlines()) > 5
    assert pretty.data == plain.data


@pytest.mark.parametrize("path", ["/v2/tasks", "/v2/accounts/{id}/tasks/{id}"])
def test_an_answer_may_be_a_script(client: KazooClient, path: str) -> None:
    url = path.format(id=client.account_id)
    response = client.http.get(url, params={"jsonp": "cb.on_tasks", "auth_token": client.token})
    text = response.text

    assert response.headers["content-type"].startswith("application/javascript")
    assert text.startswith("cb.on_tasks(")
    assert text.endswith(");")
    envelope = json.loads(text.removeprefix("cb.on_tasks(").removesuffix(");"))
    assert envelope["status"] == ("success" if response.is_success else "error")


@pytest.mark.parametrize("path", ["/v2/tasks", "/v2/accounts/{id}/tasks", "/v2/api_auth"])
def test_any_site_is_told_that_it_may_send_what_clients_send(
    client: KazooClient, path: str
) -> None:
    response = client.http.options(
        path.format(id=client.account_id),
        headers={"Origin": "https://portal.example", "Access-Control-Request-Method": "PUT"},
    )
    allowed = response.headers["access-control-allow-headers"].lower().split(", ")

    assert response.is_success
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-max-age"] == "86400"
    assert {"content-type", "x-auth-token", "accept", "authorization"} <= set(allowed)
    assert "PUT" in response.headers["access-control-allow-methods"]
