"""Triggers and schedules with real processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.servers.cluster import Client, Cluster, eventually, id2_output, numbered_csv

QUICK: Final = {"beat_s": "0.2", "fence_s": "1", "node_ttl_s": "3"}
PASS: Final = "tasks.triggers.databases"
GREGORIAN_AT_UNIX_EPOCH: Final = 62_167_219_200

Documents = Database[dict[str, Any]]


@pytest.fixture
def mongo(store_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](store_url) as client:
        yield client


@pytest.fixture
def houses(mongo: MongoClient[dict[str, Any]], database_name: str) -> Iterator[list[Documents]]:
    """Databases with documents that are marked as deleted."""
    found = [mongo[f"{database_name}_{number:02}"] for number in range(24)]
    for one in found:
        one["devices"].insert_many(
            [{"_id": f"d{number}", "pvt_deleted": number < 3} for number in range(5)]
        )
    yield found
    for one in found:
        mongo.drop_database(one.name)


@pytest.mark.timeout(120)
def test_a_pass_whose_scheduler_is_killed_goes_on_and_every_database_is_clean(
    cluster: Cluster,
    mongo: MongoClient[dict[str, Any]],
    houses: list[Documents],
    database_name: str,
) -> None:
    cluster.environment = {
        **cluster.environment,
        "HOUSEKEEPING_STEP_DOCUMENTS": "1",
        "HOUSEKEEPING_PAUSE_MS": "100",
        "HOUSEKEEPING_DATABASES": f"{database_name}_[0-9]+",
    }
    own = mongo[database_name]
    schedulers = {
        f"kztasks@{name}": cluster.scheduler(node=f"kztasks@{name}", **QUICK)
        for name in ("one", "two")
    }
    cluster.app("apps.housekeeping:app")
    eventually("it is bound", lambda: (own["triggers"].find_one({"_id": PASS}) or {}).get("apps"))
    fired = cluster.start("triggers", "triggers", "fire", "databases")
    assert fired.process.wait(30) == 0, fired.log.read_text()

    def in_the_middle() -> dict[str, Any] | None:
        record = own["firings"].find_one({"trigger": PASS})
        is_there = record is not None and (record["database"] or "") >= houses[5].name
        return record if is_there else None

    record = eventually("the pass is in the middle", in_the_middle)
    assert record["outcome"] == "running"
    schedulers.pop(record["node"]).kill()
    ((heir, _),) = schedulers.items()
    record = eventually(
        "the pass has ended",
        lambda: own["firings"].find_one({"trigger": PASS, "outcome": {"$in": ["done", "failed"]}}),
        within_s=60,
    )

    assert (record["node"], record["epoch"]) == (heir, 2)
    assert record["calls_made"] == record["databases"] >= len(houses)
    assert [call["outcome"] for call in record["calls"]] in ([], ["lost"])
    lost = {call["database"] for call in record["calls"]}  # made or not, nobody knows
    for one in houses:
        left = sorted(document["_id"] for document in one["devices"].find())
        assert left == ["d3", "d4"] or one.name in lost, one.name
    assert own["firings"].count_documents({"trigger": PASS}) == 1


@pytest.mark.timeout(120)
def test_a_schedule_makes_its_task_once_at_its_moment_and_now(
    cluster: Cluster, client: Client
) -> None:
    for _ in range(2):
        cluster.scheduler()
    cluster.app()
    client.wait_for_action("skel", "id2")
    schedules = client.tasks.replace("/tasks", "/schedules")
    at = int(time.time()) + 5
    created = client.http.put(
        schedules,
        params={
            "category": "skel",
            "action": "id2",
            "at": at + GREGORIAN_AT_UNIX_EPOCH,
            "file_name": "three.csv",
        },
        content=numbered_csv(3),
        headers={"Content-Type": "text/csv"},
    )
    assert created.status_code == 201, created.text
    schedule = f"{schedules}/{created.json()['data']['id']}"

    def history(count: int) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]] | None:
            found: list[dict[str, Any]] = client.http.get(f"{schedule}/history").json()["data"]
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = eventually(f"{count} moments are dealt with", enough)
        return found

    (record,) = history(1)
    assert (record["instant"], record["outcome"]) == (at + GREGORIAN_AT_UNIX_EPOCH, "started")
    document = client.wait_for_end(record["task_id"])
    assert (document["status"], document["file_name"]) == ("success", "three.csv")
    assert client.output(record["task_id"]) == id2_output(3)

    assert client.http.patch(schedule, params={"action": "run"}).status_code == 200
    second, first = history(2)
    assert first == record
    assert client.wait_for_end(second["task_id"])["status"] == "success"
    assert client.output(second["task_id"]) == id2_output(3)
    tasks = client.http.get(client.tasks).json()["data"]
    assert {task["id"] for task in tasks} == {first["task_id"], second["task_id"]}
