"""What operators see: counters, and who did what. And which sites may use the API."""

from __future__ import annotations

import httpx
import pytest

from kztasks.api.config import ApiSettings
from kztasks.kazoo.listener import KazooListener
from tests.integration.api.kit import CHILD, TASKS, TOKENS, A, Exchange, Front

pytestmark = pytest.mark.store


@pytest.fixture
def api_settings(request: pytest.FixtureRequest) -> ApiSettings:
    changes = getattr(request, "param", {})
    return ApiSettings(node="kztasks@h1", **changes)


async def metrics(front: Front) -> str:
    response = await front.http.get("/metrics")
    assert response.status_code == 200
    return response.text


async def test_requests_and_tasks_are_counted(front: Front) -> None:
    task_id = await front.create()
    await front.put(b"col1\n1\n")
    await front.http.get(f"{TASKS}/{task_id}/input")
    await front.http.get(TASKS, headers={"x-auth-token": "unknown"})
    text = await metrics(front)

    assert 'kztasks_tasks_created_total{action="id2",category="skel",input="csv"} 1.0' in text
    assert 'kztasks_validation_failures_total{reason="refused_input"} 1.0' in text
    assert "kztasks_input_bytes_total 18.0" in text
    assert "kztasks_output_bytes_total 18.0" in text
    assert "kztasks_auth_failures_total 1.0" in text
    assert "kztasks_sse_clients 0.0" in text
    assert "kztasks_broker_connected 1.0" in text
    assert "kztasks_build_info{" in text
    assert (
        'http_server_request_duration_seconds_count{http_request_method="GET",'
        'http_response_status_code="200",'
        'http_route="/v2/accounts/{account_id}/tasks/{task_id}/input"} 1.0'
    ) in text


async def test_no_label_comes_from_a_stranger(front: Front) -> None:
    task_id = await front.create()
    await front.http.get(f"{TASKS}/{task_id}")
    await front.http.request("BREW", "/v2/secret-path")
    await front.http.request("BREW", TASKS)
    text = await metrics(front)

    for word in (A, task_id, "BREW", "secret-path"):
        assert word not in text
    assert 'http_route="none"' in text


async def test_counters_are_for_this_machine_alone(front: Front) -> None:
    exchange = Exchange(front.app, "GET", "/metrics")
    await exchange.run()
    through_a_proxy = await front.http.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})
    far = httpx.ASGITransport(front.app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=far, base_url="http://front") as http:
        from_elsewhere = await http.get("/metrics")

    assert exchange.status == 200
    assert through_a_proxy.status_code == 403
    assert from_elsewhere.status_code == 403


@pytest.mark.parametrize("api_settings", [{"metrics_token": "m-secret"}], indirect=True)
async def test_with_a_token_counters_are_for_whoever_has_it(front: Front) -> None:
    good = await front.http.get("/metrics", headers={"authorization": "Bearer m-secret"})
    bad = await front.http.get("/metrics", headers={"authorization": "Bearer other"})
    none = await front.http.get("/metrics")

    assert [one.status_code for one in (good, bad, none)] == [200, 403, 403]


async def test_what_was_done_is_written_down(front: Front) -> None:
    task_id = await front.create()
    url = f"{TASKS}/{task_id}"
    await front.http.patch(url, headers={"x-request-id": "the-start"})
    await front.http.patch(url)
    await front.http.patch(f"{url}/stop")
    await front.http.delete(url)
    entries = await front.store.audit.of_account(A, limit=10)

    assert {(entry.event, entry.outcome) for entry in entries} == {
        ("task_created", "ok"), ("task_started", "ok"), ("task_started", "already_started"),
        ("task_stopped", "ok"), ("task_removed", "ok"),
    }  # fmt: skip
    assert {entry.task_id for entry in entries} == {task_id}
    (start,) = [entry for entry in entries if entry.request_id == "the-start"]
    assert start.auth_account_id == A
    assert start.client == "127.0.0.1"
    assert start.at > 63_900_000_000


async def test_who_acts_for_another_account_is_named(front: Front) -> None:
    await front.http.put(
        f"/v2/accounts/{CHILD}/tasks", params={"category": "skel", "action": "tick"}
    )
    (entry,) = await front.store.audit.of_account(CHILD, limit=10)

    assert entry.account_id == CHILD
    assert entry.auth_account_id == A


async def test_what_was_not_done_is_not_written_down_as_done(
    front: Front, listener: KazooListener
) -> None:
    task_id = await front.create()
    await listener.close()
    await front.http.patch(f"{TASKS}/{task_id}")
    await front.http.patch(f"{TASKS}/{task_id}", headers={"x-auth-token": TOKENS[CHILD]})
    entries = await front.store.audit.of_account(A, limit=10)

    assert [entry.event for entry in entries] == ["task_created"]


PORTAL = "https://portal.example.com"


@pytest.mark.parametrize("api_settings", [{"cors_origins": (PORTAL,)}], indirect=True)
async def test_only_configured_sites_may_read_answers(front: Front) -> None:
    ours = await front.http.get(TASKS, headers={"origin": PORTAL})
    other = await front.http.get(TASKS, headers={"origin": "https://evil.example.com"})
    near = await front.http.get(TASKS, headers={"origin": f"{PORTAL}.evil.example.com"})

    assert ours.headers["access-control-allow-origin"] == PORTAL
    assert "Origin" in ours.headers["vary"]
    assert "X-Request-ID" in ours.headers["access-control-expose-headers"]
    for refused in (other, near):
        assert "access-control-allow-origin" not in refused.headers
        assert "Origin" in refused.headers["vary"]


async def test_errors_can_be_read_by_sites_too(front: Front) -> None:
    response = await front.http.get(f"{TASKS}/x", headers={"origin": PORTAL})

    assert response.status_code == 404
    assert response.headers["access-control-allow-origin"] == "*"
