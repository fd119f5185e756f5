"""Methods, media types and values that come in other places than HTTP has for them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.kit import TASKS, Front

pytestmark = pytest.mark.store


async def test_a_task_lives_by_posts_alone(front: Front) -> None:
    query = {"category": "skel", "action": "id2", "verb": "PUT"}
    created = await front.http.post(
        TASKS, params=query, content=b"col1,col2\n1,2\n", headers={"content-type": "text/csv"}
    )
    assert created.status_code == 200, created.text
    task_id = created.json()["data"]["_read_only"]["id"]
    url = f"{TASKS}/{task_id}"

    started = await front.http.post(url, json={"verb": "patch", "data": {}})
    stopped = await front.http.post(f"{url}/stop", json={"data": {"verb": "Patch"}})
    read = await front.http.post(url, params={"verb": "get"})
    removed = await front.http.post(url, params={"verb": "delete"})
    gone = await front.http.get(url)

    assert [one.status_code for one in (started, stopped, read, removed, gone)] == [200] * 4 + [404]
    assert stopped.json()["data"]["_read_only"]["status"] == "stopped"


async def test_records_come_through_the_tunnel(front: Front) -> None:
    body = {"verb": "PUT", "data": {"records": [{"col1": "a", "col2": "b"}], "file_name": "f"}}
    query = {"category": "skel", "action": "id2"}
    response = await front.http.post(TASKS, params=query, json=body)

    assert response.status_code == 200
    assert response.json()["data"]["_read_only"]["total_count"] == 1


@pytest.mark.parametrize(
    ("path", "verb", "status"),
    [
        ("", None, 405),
        ("", "delete", 405),
        ("", "trace", 405),
        ("/x", "put", 405),
        ("/x/stop", "get", 405),
        ("/x", "post", 405),
        ("/x/nope", "get", 404),
    ],
)
async def test_a_post_without_a_method_of_the_path_is_refused(
    front: Front, path: str, verb: str | None, status: int
) -> None:
    response = await front.http.post(TASKS + path, params={"verb": verb} if verb else {})

    assert response.status_code == status


async def test_a_verb_beside_another_method_does_nothing(front: Front) -> None:
    task_id = await front.create()
    response = await front.http.get(f"{TASKS}/{task_id}", params={"verb": "delete"})

    assert response.status_code == 200
    assert (await front.http.get(f"{TASKS}/{task_id}")).status_code == 200


async def test_a_post_with_a_broken_body_is_refused(front: Front) -> None:
    response = await front.http.post(
        TASKS, content=b'{"verb":', headers={"content-type": "application/json"}
    )

    assert response.status_code == 400
    assert response.json()["data"]["json"]["invalid"]["target"] == "body"


async def test_a_large_body_is_not_read_for_the_verb_of_a_stranger(front: Front) -> None:
    body = {"verb": "put", "data": {"records": [{"col1": "x" * 70_000}]}}
    query = {"category": "skel", "action": "id1"}
    known = await front.http.post(TASKS, params=query, json=body)
    stranger = await front.http.post(
        TASKS, params=query, json=body, headers={"x-auth-token": "unknown"}
    )
    front.http.headers.pop("x-auth-token")
    nobody = await front.http.post(TASKS, params=query, json=body)

    assert known.status_code == 200
    assert stranger.status_code == 401
    assert nobody.status_code in {401, 413}


async def test_allow_names_every_method_of_the_path(front: Front) -> None:
    task = await front.http.put(f"{TASKS}/x")
    collection = await front.http.delete(TASKS)

    assert task.headers["allow"] == "DELETE, GET, OPTIONS, PATCH"
    assert collection.headers["allow"] == "GET, OPTIONS, PUT"


@pytest.mark.parametrize("place", ["data", "envelope", "query"])
async def test_values_may_stand_in_the_body(front: Front, place: str) -> None:
    for _ in range(3):
        await front.create(b"", action="tick")
    values = {"page_size": 2}
    bodies: dict[str, dict[str, Any]] = {
        "data": {"data": values},
        "envelope": {"data": {}, **values},
        "query": {"data": {}},
    }
    query: dict[str, int] = values if place == "query" else {}
    response = await front.http.request("GET", TASKS, json=bodies[place], params=query)

    assert response.json()["page_size"] == 2


async def test_data_win_over_the_query_and_that_over_the_envelope(front: Front) -> None:
    for _ in range(4):
        await front.create(b"", action="tick")

    async def size(data: dict[str, int], query: dict[str, int], envelope: dict[str, int]) -> int:
        response = await front.http.request(
            "GET", TASKS, params=query, json={"data": data, **envelope}
        )
        found: int = response.json()["page_size"]
        return found

    assert await size({"page_size": 1}, {"page_size": 2}, {"page_size": 3}) == 1
    assert await size({}, {"page_size": 2}, {"page_size": 3}) == 2
    assert await size({}, {}, {"page_size": 3}) == 3


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/accounts/x/tasks"])
async def test_version_1_is_gone(front: Front, path: str) -> None:
    response = await front.http.get(path)

    assert response.status_code == 410
    assert response.json()["message"] == "gone"


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"x-pretty-print": "true"}, {}), ({}, {"pretty_print": "true"})],
)
async def test_an_answer_is_indented_for_those_who_read_it(
    front: Front, headers: dict[str, str], query: dict[str, str]
) -> None:
    plain = await front.http.get(TASKS)
    pretty = await front.http.get(TASKS, headers=headers, params=query)
    error = await front.http.get(f"{TASKS}/x", headers=headers, params=query)

    assert "\n" not in plain.text
    assert pretty.text.startswith('{\n  "data": [')
    assert error.text.startswith('{\n  "data"')


@pytest.mark.parametrize("path", [TASKS, f"{TASKS}/x", "/v2/tasks", "/v2/api_auth"])
async def test_options_needs_no_token_and_names_what_a_site_may_send(
    front: Front, path: str
) -> None:
    front.http.headers.pop("x-auth-token")
    response = await front.http.options(
        path,
        headers={
            "origin": "https://portal.example.com",
            "access-control-request-method": "PUT",
            "access-control-request-headers": "x-auth-token",
        },
    )

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert "X-Auth-Token" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-max-age"] == "86400"
    allowed = response.headers["access-control-allow-methods"].split(", ")
    assert sorted(allowed) == sorted({*response.headers["allow"].split(", "), "POST"})
    assert "access-control-allow-credentials" not in response.headers


async def test_options_of_an_unknown_path_is_not_found(front: Front) -> None:
    assert (await front.http.options("/v2/nope")).status_code == 404
