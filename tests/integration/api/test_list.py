"""Lists: filters, lists without pages, lists as CSV, and their revisions."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from kztasks.api.config import ApiSettings
from kztasks.api.listing import COLUMNS
from kztasks.domain.status import TaskStatus
from tests.integration.api.kit import CHILD, TASKS, TOKENS, Front

pytestmark = pytest.mark.store


@pytest.fixture
def api_settings() -> ApiSettings:
    return ApiSettings(node="kztasks@h1", max_page_size=3, max_list_size=7)


async def listed(front: Front, **query: str) -> list[dict[str, Any]]:
    response = await front.http.get(TASKS, params=query)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["data"]
    return items


async def test_a_list_is_filtered_by_fields_and_times(front: Front) -> None:
    pending = await front.create(b"", action="tick")
    done = await front.create(file_name="numbers.csv")
    await front.http.patch(f"{TASKS}/{done}")
    await front.scheduler.end(done, TaskStatus.SUCCESS, b'"a"\n')

    async def ids(**query: str) -> set[str]:
        return {item["id"] for item in await listed(front, **query)}

    assert await ids(filter_pvt_status="success") == {done}
    assert await ids(filter_status='["pending","executing"]') == {pending}
    assert await ids(filter_not_action="tick") == {done}
    assert await ids(filter_file_name="numbers.csv", filter_status="success") == {done}
    assert await ids(has_key="pvt_ended_at") == {done}
    assert await ids(key_missing="pvt_started_at") == {pending}
    assert await ids(filter_csvs="out.csv") == {done}
    assert await ids(created_from="63900000000") == {pending, done}
    assert await ids(created_to="63900000000") == set()
    assert await ids(filter_nope="x") == set()
    assert await ids(filter_not_nope="x", _="17") == {pending, done}


async def test_a_filter_never_reaches_another_account(front: Front) -> None:
    await front.http.put(
        f"/v2/accounts/{CHILD}/tasks",
        params={"category": "skel", "action": "tick"},
        headers={"x-auth-token": TOKENS[CHILD]},
    )

    assert await listed(front, filter_account_id=CHILD) == []
    assert await listed(front, has_key="pvt_account_id") == []


@pytest.mark.parametrize("query", [{"created_from": "now"}, {"modified_to": "1.5"}])
async def test_a_time_that_is_no_number_is_refused(front: Front, query: dict[str, str]) -> None:
    response = await front.http.get(TASKS, params=query)

    assert response.status_code == 400
    assert response.json()["message"] == "validation error"


async def test_a_value_that_is_given_twice_is_refused(front: Front) -> None:
    for name in ("page_size", "paginate", "start_key"):
        response = await front.http.get(TASKS, params=[(name, "1"), (name, "2")])
        assert response.status_code == 400, name


async def test_pages_are_full_with_a_filter_too(front: Front) -> None:
    wanted = []
    for _ in range(3):
        await front.create(b"", action="tick")
        wanted.append(await front.create())
    query = {"filter_action": "id2", "page_size": "2"}
    first = (await front.http.get(TASKS, params=query)).json()
    second = (
        await front.http.get(TASKS, params={**query, "start_key": first["next_start_key"]})
    ).json()

    assert [first["page_size"], second["page_size"]] == [2, 1]
    assert {item["id"] for item in first["data"] + second["data"]} == set(wanted)
    assert "next_start_key" not in second


async def test_a_list_without_pages_has_all_tasks_and_no_keys_of_pages(front: Front) -> None:
    ids = [await front.create(b"", action="tick") for _ in range(7)]
    response = await front.http.get(TASKS, params={"paginate": "false"})
    body = response.json()

    assert sorted(item["id"] for item in body["data"]) == sorted(ids)
    assert body["status"] == "success"
    assert body["request_id"] == response.headers["x-request-id"]
    assert body.keys().isdisjoint({"page_size", "start_key", "next_start_key"})
    assert response.headers["content-type"] == "application/json"


async def test_a_list_without_pages_is_bounded_and_says_where_to_go_on(front: Front) -> None:
    ids = [await front.create(b"", action="tick") for _ in range(9)]
    body = (await front.http.get(TASKS, params={"paginate": "false"})).json()
    rest = await listed(front, start_key=body["next_start_key"])

    assert len(body["data"]) == 7
    assert {item["id"] for item in body["data"] + rest} == set(ids)


async def test_an_empty_list_without_pages_is_a_list(front: Front) -> None:
    assert await listed(front, paginate="false") == []


@pytest.mark.parametrize(
    ("headers", "query"), [({"accept": "text/csv"}, {}), ({}, {"accept": "csv"})]
)
async def test_a_list_may_be_had_as_a_csv(
    front: Front, headers: dict[str, str], query: dict[str, str]
) -> None:
    task_id = await front.create(file_name='a,"b".csv')
    response = await front.http.get(TASKS, headers=headers, params=query)
    (row,) = csv.DictReader(io.StringIO(response.text))

    assert response.headers["content-type"] == "text/csv"
    assert [*row] == [*COLUMNS]
    assert row["id"] == task_id
    assert row["file_name"] == 'a,"b".csv'
    assert row["total_count"] == "2"
    assert row["csvs"] == "in.csv"


@pytest.mark.parametrize("path", ["", "/{task_id}"])
async def test_a_client_that_has_the_present_state_is_not_sent_it_again(
    front: Front, path: str
) -> None:
    task_id = await front.create()
    url = TASKS + path.format(task_id=task_id)
    first = await front.http.get(url)
    etag = first.headers["etag"]
    again = await front.http.get(url, headers={"if-none-match": f'"other", {etag}'})

    assert etag == f'"{first.json()["revision"]}"'
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == etag
    await front.http.patch(f"{TASKS}/{task_id}")
    assert (await front.http.get(url, headers={"if-none-match": etag})).status_code == 200
