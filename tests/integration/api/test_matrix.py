"""Who may do what: every route, asked by everybody. A new route has to be put into the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from kztasks.api.app import OPEN_ROUTES
from tests.integration.api import tokens
from tests.integration.api.kit import ADMIN, CHILD, LOCKED, NOTHING, PARENT, STRANGER, A, Front

pytestmark = pytest.mark.store

CALLERS: Final[dict[str, Callable[[str], str | None]]] = {
    "nobody": lambda _: None,
    "expired": tokens.expired,
    "forged alg": tokens.unsigned,
    "confused alg": tokens.confused,
    "other key": tokens.of_another_key,
    "itself": tokens.token,
    "parent": lambda _: tokens.token(PARENT),
    "child": lambda _: tokens.token(CHILD),
    "sibling": lambda _: tokens.token(STRANGER),
    "admin": lambda _: tokens.token(ADMIN),
    "disabled": lambda _: tokens.token(LOCKED),
    "restricted": lambda _: tokens.token(A, restrictions={"*": ["accounts/*/users/#"]}),
}
"""Everybody who asks for something of account A."""

UNPROVED: Final = ("nobody", "expired", "forged alg", "confused alg", "other key")

# What a route says to those who may use it, by what they may: for a task that does not exist, for
# an action that takes nothing, for a list.
LISTED, FOUND, CREATED, NO_TASK = 200, 200, 201, 404

ACCOUNT: Final = "/v2/accounts/{account_id}/tasks"
OWN: Final = "/v2/account/tasks"
TASKS: Final = "/v2/tasks"
SCHEDULES: Final = "/v2/accounts/{account_id}/schedules"
TRIGGERS: Final = "/v2/tasks/triggers"
ITEM: Final = {
    ("GET", "/{task_id}"), ("PATCH", "/{task_id}"), ("DELETE", "/{task_id}"),
    ("PATCH", "/{task_id}/stop"), ("GET", "/{task_id}/input"), ("GET", "/{task_id}/output"),
    ("GET", "/{task_id}/events"), ("GET", "/{task_id}/errors"), ("POST", "/{task_id}/rerun"),
}  # fmt: skip


def rights(allowed: int, *who: str) -> dict[str, int]:
    """What each caller is answered: 401 unproved, 423 disabled, `allowed` for `who`, else 403."""
    answers = dict.fromkeys(CALLERS, 403) | dict.fromkeys(UNPROVED, 401) | {"disabled": 423}
    return answers | dict.fromkeys(who, allowed)


FAMILY: Final = ("itself", "parent", "admin")
ALL: Final = ("itself", "parent", "child", "sibling", "admin")

TABLE: Final[dict[tuple[str, str], dict[str, int]]] = {
    ("GET", ACCOUNT): rights(LISTED, *FAMILY),
    ("PUT", ACCOUNT): rights(CREATED, *FAMILY),
    ("GET", OWN): rights(LISTED, *ALL),
    ("PUT", OWN): rights(CREATED, *ALL),
    ("PUT", TASKS): rights(CREATED, "admin"),
    **{(method, ACCOUNT + path): rights(NO_TASK, *FAMILY) for method, path in ITEM},
    **{(method, OWN + path): rights(NO_TASK, *ALL) for method, path in ITEM},
    **{(method, TASKS + path): rights(NO_TASK, "admin") for method, path in ITEM},
    ("GET", SCHEDULES): rights(LISTED, *FAMILY),
    ("PUT", SCHEDULES): rights(CREATED, *FAMILY),
    **{
        (method, f"{SCHEDULES}/{{schedule_id}}{path}"): rights(NO_TASK, *FAMILY)
        for method, path in (("GET", ""), ("GET", "/history"), ("PATCH", ""), ("DELETE", ""))
    },
    ("GET", TRIGGERS): rights(LISTED, "admin"),
    ("GET", f"{TRIGGERS}/{{trigger}}"): rights(NO_TASK, "admin"),
    ("PATCH", f"{TRIGGERS}/{{trigger}}"): rights(NO_TASK, "admin"),
    ("DELETE", f"{TRIGGERS}/{{trigger}}/apps/{{app}}"): rights(NO_TASK, "admin"),
    ("GET", "/v2/token_auth"): rights(FOUND, *ALL),
    ("DELETE", "/v2/token_auth"): rights(FOUND, *ALL),
}
OPEN: Final = {
    ("GET", "/healthz"): 200,
    ("GET", "/readyz"): 200,
    ("GET", "/metrics"): 200,
    ("GET", "/v2/openapi.json"): 200,
    ("GET", "/v2/asyncapi.json"): 200,
    ("GET", "/v2/schemas/{message_type}.json"): 200,
    ("GET", "/v2/tasks"): 200,
    ("GET", "/.well-known/jwks.json"): 200,
    ("GET", "/v2/auth/keys/{key_id}"): 404,
    ("PUT", "/v2/api_auth"): 400,
}
"""What the routes that are open to all say to an empty request."""


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


async def test_every_route_is_in_the_table_and_in_the_document(front: Front) -> None:
    seen = set(routes(front.app.routes)) - {("HEAD", "/v2/openapi.json")}
    described = {
        (method.upper(), path)
        for path, operations in front.app.openapi()["paths"].items()
        for method in operations
    }

    assert seen == TABLE.keys() | OPEN.keys()
    assert OPEN.keys() == OPEN_ROUTES
    assert described == seen - {("GET", "/v2/openapi.json")}


@pytest.mark.parametrize("caller", CALLERS)
async def test_who_may_do_what(front: Front, caller: str) -> None:
    await tokens.store_key(front.store)
    front.http.headers.pop("x-auth-token")
    made = CALLERS[caller](A)
    for (method, template), expected in TABLE.items():
        if (method, template) == ("DELETE", "/v2/token_auth"):
            continue  # the last one, as it ends the token
        status = await ask(front, method, template, made)
        assert status == expected[caller], (method, template)
    status = await ask(front, "DELETE", "/v2/token_auth", made)
    assert status == TABLE["DELETE", "/v2/token_auth"][caller]
    if caller in {*UNPROVED, "disabled"}:
        assert await front.stored() == NOTHING
        assert front.scheduler.asked == []


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_tunnelled_method_needs_the_same_rights(front: Front, caller: str) -> None:
    await tokens.store_key(front.store)
    front.http.headers.pop("x-auth-token")
    made = CALLERS[caller](A)
    for (method, template), expected in TABLE.items():
        if template == "/v2/token_auth":
            continue
        for in_body in (False, True):
            status = await ask(front, method, template, made, tunnel="body" if in_body else "query")
            allowed = 200 if expected[caller] == CREATED else expected[caller]
            assert status == allowed, (method, template, in_body)


@pytest.mark.parametrize(("method", "template"), OPEN)
async def test_the_open_routes_answer_without_a_token(
    front: Front, method: str, template: str
) -> None:
    front.http.headers.pop("x-auth-token")

    assert await ask(front, method, template, None) == OPEN[method, template]


async def ask(
    front: Front, method: str, template: str, token: str | None, *, tunnel: str | None = None
) -> int:
    """Send a request about account A, or about a task that nobody has."""
    url = template.format(
        account_id=A,
        task_id="0" * 30,
        key_id="01",
        message_type="batch",
        schedule_id="0" * 30,
        trigger="day",
        app="none",
    )
    query = {"category": "skel", "action": "tick"} if method == "PUT" else {}
    if template.startswith(SCHEDULES):
        query |= {"cron": "0 3 * * *"} if method == "PUT" else {"action": "pause"}
    headers = {"x-auth-token": token} if token else {}
    body: dict[str, Any] | None = None
    if tunnel == "query":
        query["verb"], method = method, "POST"
    elif tunnel == "body":
        body, method = {"data": {}, "verb": method.lower()}, "POST"
    response = await front.http.request(method, url, params=query, headers=headers, json=body)
    return response.status_code
