"""Schedules of an account: tasks that are made by the clock."""

from __future__ import annotations

from typing import Any

import pytest

from kztasks.domain.gregorian import from_unix
from kztasks.domain.schedule import RunOutcome, RunRecord
from tests.integration.api.kit import CHILD, STRANGER, A, Front
from tests.integration.api.tokens import store_key, token

pytestmark = pytest.mark.store

URL = f"/v2/accounts/{A}/schedules"
CSV = b"col1,col2\n1,2\n3,4\n"
NIGHTLY = {"category": "skel", "action": "id2", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}


async def make(front: Front, status: int = 201, csv: bytes | None = CSV, **query: Any) -> Any:
    headers = {"content-type": "text/csv"} if csv is not None else {}
    wanted = {key: value for key, value in {**NIGHTLY, **query}.items() if value is not None}
    response = await front.http.put(URL, params=wanted, content=csv, headers=headers)
    assert response.status_code == status, response.text
    return response.json()["data"]


async def ask(front: Front, method: str, path: str, status: int = 200, **query: Any) -> Any:
    response = await front.http.request(method, URL + path, params=query)
    assert response.status_code == status, response.text
    return response.json()["data"]


async def test_a_schedule_keeps_the_checked_input_and_tells_its_next_ten_moments(
    front: Front,
) -> None:
    made = await make(front, name="nightly", file_name="n.csv", overlap="queue", missed="skip")
    assert made["cron"] == "30 2 * * *"
    assert made["timezone"] == "Europe/Berlin"
    assert (made["overlap"], made["missed"], made["paused"]) == ("queue", "skip", False)
    assert (made["total_count"], made["file_name"], made["name"]) == (2, "n.csv", "nightly")
    assert len(made["next"]) == 10
    assert made["next"] == sorted(made["next"])
    stored = await front.store.schedules.get(made["id"])
    assert stored is not None
    assert stored.input is not None
    download = await front.store.files.download(stored.input.file_id)
    assert await download.read(100) == CSV
    shown = await ask(front, "GET", f"/{made['id']}")
    assert {**shown, "next": []} == {**made, "next": []}
    (listed,) = await ask(front, "GET", "")
    assert listed["id"] == made["id"]


async def test_one_moment_in_place_of_a_cron_expression(front: Front) -> None:
    moment = from_unix(4_000_000_000)
    made = await make(front, cron=None, timezone=None, at=moment, csv=None, action="tick")
    assert (made["at"], made["next"]) == (moment, [moment])
    assert "cron" not in made


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"cron": None}, "cron"),
        ({"at": "63963000000"}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "x" * 300}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../../etc/passwd"}, "timezone"),
        ({"cron": None, "at": "soon"}, "at"),
        ({"cron": None, "at": "63900000000"}, "at"),
        ({"cron": None, "at": "9" * 30}, "at"),
        ({"overlap": "never"}, "overlap"),
        ({"missed": "always"}, "missed"),
        ({"name": "x\ny"}, "name"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_field(
    front: Front, query: dict[str, Any], field: str
) -> None:
    refused = await make(front, 400, **query)
    assert field in refused
    assert await ask(front, "GET", "") == []


async def test_the_input_is_checked_as_that_of_a_task(front: Front) -> None:
    refused = await make(front, 400, csv=b"col1\n1\n")
    assert "missing_mandatory_fields" in str(refused)
    await make(front, 404, action="unknown")
    assert await ask(front, "GET", "") == []


async def test_pause_resume_run_and_remove(front: Front) -> None:
    schedule_id = (await make(front))["id"]
    paused = await ask(front, "PATCH", f"/{schedule_id}", action="pause")
    assert (paused["paused"], paused["next"]) == (True, [])
    run = await ask(front, "PATCH", f"/{schedule_id}", action="run")
    assert run["waiting"] == 1
    resumed = await ask(front, "PATCH", f"/{schedule_id}", action="resume")
    assert resumed["paused"] is False
    refused = await ask(front, "PATCH", f"/{schedule_id}", 400, action="dance")
    assert "action" in refused
    await ask(front, "PATCH", f"/{schedule_id}", 400)
    await ask(front, "DELETE", f"/{schedule_id}")
    for method, path in (("GET", ""), ("GET", "/history"), ("PATCH", ""), ("DELETE", "")):
        await ask(front, method, f"/{schedule_id}{path}", 404, action="pause")
    events = [entry.event for entry in await front.store.audit.of_account(A, limit=9)]
    assert sorted(events) == [
        "schedule_created",
        "schedule_paused",
        "schedule_removed",
        "schedule_resumed",
        "schedule_run",
    ]


async def test_as_many_as_may_wait_can_be_asked_for(front: Front) -> None:
    schedule_id = (await make(front))["id"]
    for _ in range(100):
        await ask(front, "PATCH", f"/{schedule_id}", action="run")
    refused = await ask(front, "PATCH", f"/{schedule_id}", 409, action="run")
    assert refused["reason"] == "too_many_waiting"


async def test_history_tells_what_became_of_each_moment(front: Front) -> None:
    schedule_id = (await make(front))["id"]
    for instant, outcome in ((100, RunOutcome.STARTED), (200, RunOutcome.SKIPPED)):
        await front.store.schedules.record(
            RunRecord(
                schedule_id=schedule_id,
                instant=instant,
                outcome=outcome,
                at=instant + 1,
                task_id="t" if outcome is RunOutcome.STARTED else None,
                reason=None if outcome is RunOutcome.STARTED else "busy",
            )
        )
    second, first = await ask(front, "GET", f"/{schedule_id}/history")
    assert (first["outcome"], first["task_id"]) == ("started", "t")
    assert second == {
        "instant": from_unix(200),
        "at": from_unix(201),
        "outcome": "skipped",
        "reason": "busy",
        "count": 1,
    }


@pytest.mark.parametrize("other", [STRANGER, CHILD])
async def test_nobody_elses_schedules_are_seen(front: Front, other: str) -> None:
    schedule_id = (await make(front))["id"]
    await store_key(front.store)
    front.http.headers["x-auth-token"] = token(other)
    response = await front.http.get(f"/v2/accounts/{other}/schedules/{schedule_id}")
    assert response.status_code == 404
    response = await front.http.get(f"/v2/accounts/{other}/schedules")
    assert response.json()["data"] == []


async def test_an_account_has_a_bounded_number_of_schedules(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kztasks.api.headless.schedules.MOST_SCHEDULES", 2)
    await make(front)
    await make(front)
    refused = await make(front, 429)
    assert refused["cause"] == "too_many_schedules"
