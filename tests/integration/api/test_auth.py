"""How a token is sent, and whose tasks its bearer may list; all routes are in `test_matrix`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.kit import (
    ADMIN,
    CHILD,
    LOCKED,
    STRANGER,
    TASKS,
    TOKEN,
    TOKENS,
    A,
    Front,
)

pytestmark = pytest.mark.store


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-auth-token": TOKEN}, {}),
        ({"authorization": f"Bearer {TOKEN}"}, {}),
        ({"authorization": f"bearer   {TOKEN} "}, {}),
        ({}, {"auth_token": TOKEN}),
        ({}, {"authorization": f"Bearer {TOKEN}"}),
        ({"x-auth-token": TOKEN, "x-auth-account-id": A}, {}),
        ({"x-auth-token": TOKEN, "authorization": "Bearer wrong"}, {"auth_token": "wrong"}),
    ],
)
async def test_a_token_may_come_in_each_of_these_ways(
    front: Front, headers: dict[str, str], query: dict[str, str]
) -> None:
    front.http.headers.pop("x-auth-token")
    response = await front.http.get(TASKS, headers=headers, params=query)

    assert response.status_code == 200
    assert response.json()["auth_token"] == TOKEN


@pytest.mark.parametrize(
    "headers",
    [
        {"x-auth-token": "unknown"},
        {"x-auth-token": ""},
        {"x-auth-token": "x" * 10_000},
        {"x-auth-token": "ünknown"},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"x-auth-token": TOKEN, "x-auth-account-id": STRANGER},
        {"x-auth-token": "unknown", "authorization": f"Bearer {TOKEN}"},
    ],
)
async def test_what_is_no_token_of_ours_is_refused(front: Front, headers: dict[str, str]) -> None:
    front.http.headers.pop("x-auth-token")
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    assert (await front.http.get(TASKS, headers=encoded)).status_code == 401


@pytest.mark.parametrize(
    ("caller", "target", "status"),
    [
        (A, A, 200),
        (A, CHILD, 200),
        (CHILD, A, 403),
        (STRANGER, A, 403),
        (A, STRANGER, 403),
        (ADMIN, A, 200),
        (ADMIN, LOCKED, 200),
        (A, ADMIN, 403),
        (A, LOCKED, 423),
        (STRANGER, LOCKED, 403),
        (LOCKED, LOCKED, 423),
        (LOCKED, A, 423),
        (A, "0" * 32, 404),
        (STRANGER, "0" * 32, 404),
        (A, "A" * 32, 404),
        (A, "x", 404),
        (A, "a" * 33, 404),
    ],
)
async def test_who_may_list_whose_tasks(
    front: Front, caller: str, target: str, status: int
) -> None:
    response = await front.http.get(
        f"/v2/accounts/{target}/tasks", headers={"x-auth-token": TOKENS[caller]}
    )

    assert response.status_code == status, response.text


async def test_a_malformed_account_is_told_apart_from_a_missing_one(front: Front) -> None:
    malformed = (await front.http.get("/v2/accounts/X/tasks")).json()
    missing = (await front.http.get(f"/v2/accounts/{'0' * 32}/tasks")).json()

    assert malformed["message"] == "bad identifier"
    assert malformed["data"] == {"message": "invalid account_id 'X'"}
    assert missing["message"] == "bad_identifier"
    assert missing["data"] == {"message": "bad identifier", "cause": "0" * 32}


async def test_a_parent_creates_for_its_child_in_its_own_name(front: Front) -> None:
    response = await front.http.put(
        f"/v2/accounts/{CHILD}/tasks", params={"category": "skel", "action": "tick"}
    )
    shown = response.json()["data"]["_read_only"]

    assert shown["account_id"] == CHILD
    assert shown["auth_account_id"] == A


@pytest.mark.parametrize(
    "body",
    [
        {"auth_token": TOKEN, "data": {}},
        {"data": {"auth_token": TOKEN}},
    ],
)
async def test_a_token_may_stand_in_a_small_json_body(front: Front, body: dict[str, Any]) -> None:
    front.http.headers.pop("x-auth-token")
    query = {"category": "skel", "action": "tick"}

    assert (await front.http.put(TASKS, params=query, json=body)).status_code == 201
    assert (await front.http.request("GET", TASKS, json=body)).status_code == 200


async def test_a_large_body_is_not_read_for_a_token(front: Front) -> None:
    front.http.headers.pop("x-auth-token")
    body = {"auth_token": TOKEN, "data": {"records": [{"col1": "x" * 70_000}]}}
    query = {"category": "skel", "action": "id1"}

    assert (await front.http.put(TASKS, params=query, json=body)).status_code == 401


async def test_a_body_is_not_read_before_the_token_is_known(front: Front) -> None:
    front.http.headers["x-auth-token"] = "unknown"
    response = await front.put(b"x" * 2_000_000)

    assert response.status_code == 401
