"""Lists: order, pages, filters."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Final

import pytest

from tests.e2e.conformance.client import Json, KazooClient
from tests.e2e.conformance.conftest import Site

MANY: Final = 53
PAGING: Final = {"page_size", "start_key", "next_start_key"}


@pytest.fixture(scope="module")
def lister(site: Site) -> KazooClient:
    """An account with tasks that nobody else changes: one has ended, the others are pending."""
    client = site.add_account("lister")
    client.run("copy", b"e164\n+1\n")
    for number in range(MANY - 1):
        client.create("dump", file_name=f"{number:02d}")
    return client


def listed(client: KazooClient, **query: str) -> list[Json]:
    items: list[Json] = client.ask("GET", client.tasks, query=query).succeeded().data
    return items


def test_a_page_has_the_fifty_newest_tasks_newest_first(lister: KazooClient) -> None:
    answer = lister.ask("GET", lister.tasks).succeeded()
    created = [item["created"] for item in answer.data]

    assert answer.envelope["page_size"] == len(answer.data) == 50
    assert created == sorted(created, reverse=True)
    assert answer.envelope["start_key"]
    assert answer.envelope["next_start_key"]


def test_items_are_tasks_without_their_wrapping(lister: KazooClient) -> None:
    (item,) = listed(lister, filter_pvt_status="success")

    assert item == lister.read(item["id"])
    assert "node" not in item


@pytest.mark.parametrize("size", [20, 1000])
def test_pages_follow_each_other_by_their_keys(lister: KazooClient, size: int) -> None:
    query, found = {"page_size": str(size)}, list[str]()
    while True:
        answer = lister.ask("GET", lister.tasks, query=query).succeeded()
        found += [item["id"] for item in answer.data]
        assert answer.envelope["page_size"] == len(answer.data)
        if "next_start_key" not in answer.envelope:
            break
        query["start_key"] = answer.envelope["next_start_key"]

    assert len(found) == len(set(found)) == MANY


def test_a_start_key_leads_back_to_its_page(lister: KazooClient) -> None:
    first = lister.ask("GET", lister.tasks, query={"page_size": "2"}).envelope
    again = lister.ask(
        "GET", lister.tasks, query={"page_size": "2", "start_key": first["start_key"]}
    )

    assert again.data == first["data"]


def test_values_of_a_page_may_stand_in_the_body(lister: KazooClient) -> None:
    envelope = {"data": {"page_size": 3}, "paginate": "true"}

    assert lister.ask("GET", lister.tasks, envelope=envelope).envelope["page_size"] == 3


def test_without_pages_all_come_and_no_keys(lister: KazooClient) -> None:
    answer = lister.ask("GET", lister.tasks, query={"paginate": "false"}).succeeded()

    assert len(answer.data) == MANY
    assert answer.envelope.keys().isdisjoint(PAGING)


@pytest.mark.parametrize(("query", "size"), [({}, 50), ({"page_size": "7"}, 7)])
def test_a_list_in_chunks_is_the_same_page(
    lister: KazooClient, query: dict[str, str], size: int
) -> None:
    query = {"is_chunked": "true", "chunk_size": "5", **query}
    answer = lister.ask("GET", lister.tasks, query=query).succeeded()

    assert answer.content.startswith(b'{"data":[')
    assert len(answer.data) == answer.envelope["page_size"] == size


@pytest.mark.parametrize("query", [{"ascending": "true"}, {"descending": "false"}])
def test_tasks_cannot_be_listed_the_other_way(lister: KazooClient, query: dict[str, str]) -> None:
    assert listed(lister, **query) == listed(lister)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"filter_pvt_status": "success"}, 1),
        ({"filter_pvt_status": "pending"}, MANY - 1),
        ({"filter_not_pvt_status": "pending"}, 1),
        ({"filter_pvt_status": '["success","failure"]'}, 1),
        ({"filter_pvt_status": "success", "filter_pvt_action": "dump"}, 0),
        ({"filter_pvt_file_name": "07"}, 1),
        ({"filter_pvt_total_rows": "1"}, 1),
        ({"filter_pvt_nothing": "x"}, 0),
        ({"has_key": "pvt_ended_at"}, 1),
        ({"has_value": "pvt_ended_at"}, 1),
        ({"key_missing": "pvt_file_name"}, 1),
        ({"value_missing": "pvt_started_at"}, MANY - 1),
        ({"missing_value": "pvt_started_at"}, MANY - 1),
    ],
)
def test_filters_compare_fields_of_the_document(
    lister: KazooClient, query: dict[str, str], count: int
) -> None:
    assert len(listed(lister, page_size="1000", **query)) == count


def test_times_of_filters_are_inclusive(lister: KazooClient) -> None:
    (ended,) = listed(lister, filter_pvt_status="success")
    created, ended_at = ended["created"], ended["end_timestamp"]

    def has(**times: int) -> bool:
        query = {name: str(time) for name, time in times.items()}
        return ended["id"] in [item["id"] for item in listed(lister, page_size="1000", **query)]

    assert has(created_from=created, created_to=created)
    assert not has(created_from=created + 1)
    assert not has(created_to=created - 1)
    assert has(modified_from=ended_at)
    assert not has(modified_to=created - 1)


def test_a_page_is_filled_across_tasks_that_a_filter_leaves_out(lister: KazooClient) -> None:
    query = {"page_size": "1", "filter_pvt_status": "success"}
    answer = lister.ask("GET", lister.tasks, query=query).succeeded()

    assert answer.envelope["page_size"] == 1
    assert "next_start_key" not in answer.envelope


def test_the_revision_of_a_list_is_an_md5(lister: KazooClient) -> None:
    answer = lister.ask("GET", lister.tasks)
    data = json.dumps(answer.data, separators=(",", ":"), ensure_ascii=False)

    assert answer.envelope["revision"] == hashlib.md5(data.encode()).hexdigest()


def test_a_list_may_be_had_as_a_csv(lister: KazooClient) -> None:
    answer = lister.ask("GET", lister.tasks, headers={"Accept": "text/csv"}).succeeded()
    rows = [*csv.DictReader(io.StringIO(answer.content.decode()))]

    assert answer.headers["content-type"] == "text/csv"
    assert [row["id"] for row in rows] == [item["id"] for item in listed(lister)]
