"""No route is open by accident, and nobody touches what is not theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from kztasks.api.app import OPEN_ROUTES
from tests.integration.api.kit import (
    ADMIN,
    CHILD,
    LOCKED,
    NOTHING,
    STRANGER,
    TASKS,
    TOKEN,
    TOKENS,
    A,
    Front,
)

pytestmark = pytest.mark.store

TASK = "0" * 30


def routes(found: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every route, those of included routers too."""
    for route in found:
        included = getattr(route, "original_router", None)
        if included is not None:
            context: Any = vars(route)["include_context"]
            yield from routes(included.routes, prefix + context.prefix)
            continue
        assert isinstance(route, Route | APIRoute), f"what is a {type(route)}?"
        yield from ((method, prefix + route.path) for method in route.methods or ())


async def test_every_route_but_the_listed_ones_wants_a_token(front: Front) -> None:
    front.http.headers.pop("x-auth-token")
    seen = set(routes(front.app.routes)) - {("HEAD", "/v2/openapi.json")}
    described = front.app.openapi()["paths"]
    assert {path for _, path in seen} == {*described, "/v2/openapi.json"}
    assert seen >= OPEN_ROUTES
    for method, path in seen - OPEN_ROUTES:
        url = path.replace("{account_id}", A).replace("{task_id}", TASK)
        response = await front.http.request(method, url, params={"category": "c", "action": "a"})

        assert response.status_code == 401, (method, path)
        assert response.json()["message"] == "invalid_credentials"
        assert response.json()["data"] == {"message": "invalid credentials"}
        assert response.json().keys().isdisjoint({"auth_token", "version"})
    assert await front.stored() == NOTHING
    assert front.scheduler.asked == []


@pytest.mark.parametrize(("method", "path"), sorted(OPEN_ROUTES))
async def test_the_listed_routes_answer_without_a_token(
    front: Front, method: str, path: str
) -> None:
    front.http.headers.pop("x-auth-token")

    assert (await front.http.request(method, path)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-auth-token": TOKEN}, {}),
        ({"authorization": f"Bearer {TOKEN}"}, {}),
        ({"authorization": f"bearer   {TOKEN} "}, {}),
        ({}, {"auth_token": TOKEN}),
        ({"x-auth-token": TOKEN, "authorization": "Bearer wrong"}, {"auth_token": "wrong"}),
    ],
)
async def test_a_token_may_come_in_three_ways(
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


async def test_a_body_is_not_read_before_the_token_is_known(front: Front) -> None:
    front.http.headers["x-auth-token"] = "unknown"
    response = await front.put(b"x" * 2_000_000)

    assert response.status_code == 401
