"""What an operator sees of triggers, and can do about them."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.api.headless.triggers import next_firing
from kztasks.domain.firing import (
    DATABASES,
    CallOutcome,
    Firing,
    Handler,
    HandlerCall,
    TriggerState,
    firing_id,
)
from kztasks.domain.gregorian import from_unix
from tests.integration.api.kit import ADMIN, Front
from tests.integration.api.tokens import store_key, token

pytestmark = pytest.mark.store

T0 = 1_790_000_000
DAY, ACCOUNT = "tasks.triggers.day", "tasks.triggers.account"
URL = "/v2/tasks/triggers"


@pytest.fixture
async def admin(front: Front) -> Front:
    await store_key(front.store)
    front.http.headers["x-auth-token"] = token(ADMIN)
    return front


async def a_firing(front: Front) -> Firing:
    await front.store.triggers.bind(DAY, "billing", last=T0)
    instant = T0 // 86_400 * 86_400
    one, two = Handler("billing", "first"), Handler("billing", "second")
    firing = Firing(
        id=firing_id(DAY, instant),
        key=DAY,
        instant=instant,
        node="kztasks@tasks1",
        epoch=1,
        began=instant + 0.25,
    )
    firing = firing.with_call(HandlerCall(one, CallOutcome.OK, 12))
    firing = firing.with_call(HandlerCall(two, CallOutcome.CRASHED, 3, error="ValueError: no"))
    return await front.store.triggers.record(firing.ending(instant + 1.5))


async def data_of(front: Front, method: str, path: str, status: int = 200) -> Any:
    response = await front.http.request(method, URL + path)
    assert response.status_code == status, response.text
    return response.json()["data"]


async def test_what_is_bound_when_it_fired_how_long_it_took_and_how_it_ended(
    admin: Front,
) -> None:
    firing = await a_firing(admin)
    (shown,) = await data_of(admin, "GET", "")
    assert (shown["trigger"], shown["apps"]) == ("day", ["billing"])
    assert shown["last_firing"] == {
        "instant": from_unix(firing.instant),
        "outcome": "failed",
        "node": "kztasks@tasks1",
        "late_ms": 250,
        "took_ms": 1250,
        "calls_made": 2,
        "calls_failed": 1,
        "calls": [
            {"app": "billing", "handler": "first", "outcome": "ok", "took_ms": 12},
            {
                "app": "billing",
                "handler": "second",
                "outcome": "crashed",
                "took_ms": 3,
                "error": "ValueError: no",
            },
        ],
    }
    one = await data_of(admin, "GET", "/day")
    assert one["firings"] == [shown["last_firing"]]


async def test_a_firing_can_be_asked_for_once_at_a_time_and_is_noted(admin: Front) -> None:
    await a_firing(admin)
    assert (await data_of(admin, "PATCH", "/day"))["requested"] is True
    refused = await data_of(admin, "PATCH", "/day", 409)
    assert refused["reason"] == "requested_already"
    (state,) = await admin.store.triggers.states()
    assert state.requested is not None
    (entry,) = await admin.store.audit.of_account(ADMIN, limit=9)
    assert entry.event == "trigger_requested"


async def test_a_database_trigger_fires_in_a_pass_over_all_of_them(admin: Front) -> None:
    await admin.store.triggers.bind(ACCOUNT, "app", last=T0)
    await admin.store.triggers.bind(DATABASES, "app", last=T0)
    refused = await data_of(admin, "PATCH", "/account", 409)
    assert refused["reason"] == "fires_by_databases"
    assert (await data_of(admin, "PATCH", "/databases"))["requested"] is True


async def test_an_app_that_is_gone_for_good_can_be_forgotten(admin: Front) -> None:
    await a_firing(admin)
    assert (await data_of(admin, "DELETE", "/day/apps/billing"))["apps"] == []
    await data_of(admin, "DELETE", "/day/apps/billing", 404)


@pytest.mark.parametrize("name", ["week", "minute", "%2e%2e", "x" * 300])
async def test_a_trigger_to_which_nothing_was_ever_bound_is_not_found(
    admin: Front, name: str
) -> None:
    await data_of(admin, "GET", f"/{name}", 404)


def test_the_next_firing_is_told_where_there_is_one() -> None:
    day = TriggerState(DAY, T0, ("app",))
    assert next_firing(day, T0 + 1, 60) == from_unix((T0 // 86_400 + 1) * 86_400)
    assert next_firing(TriggerState(DAY, T0), T0, 60) is None
    assert next_firing(TriggerState(ACCOUNT, T0, ("app",)), T0, 60) is None
    passes = TriggerState(DATABASES, T0, ("app",), ended=T0 + 100)
    assert next_firing(passes, T0 + 101, 60) == from_unix(T0 + 160)
    assert next_firing(passes, T0 + 500, 60) == from_unix(T0 + 500)
