"""CSVs: which one comes, under which type and name."""

from __future__ import annotations

from typing import Final

import pytest

from tests.e2e.conformance.client import KazooClient
from tests.e2e.conformance.conftest import Site

IN: Final = b"e164\n+1\n2\n"
OUT: Final = b'"e164","copied"\n"+1","+1"\n"2","no plus"\n'
CSV_TYPES: Final = ("text/csv", "text/comma-separated-values", "application/octet-stream")


@pytest.fixture(scope="module")
def task_id(site: Site) -> str:
    """A task that has both files."""
    return site["itself"].run("copy", IN)


@pytest.mark.parametrize(
    ("accept", "tunnelled", "is_csv"),
    [
        (None, None, False),
        ("application/json", None, False),
        ("application/x-json", None, False),
        ("*/*", None, False),
        ("image/png", None, False),
        *((media_type, None, True) for media_type in CSV_TYPES),
        ("text/csv, application/json", None, True),
        ("application/json, text/csv", None, False),
        ("text/html, text/csv;q=0.9, */*", None, True),
        (None, "text/csv", True),
        (None, "csv", True),
        ("application/json", "csv", True),
        ("text/csv", "application/json", False),
    ],
)
def test_the_first_type_that_can_be_had_decides(
    client: KazooClient, task_id: str, accept: str | None, tunnelled: str | None, *, is_csv: bool
) -> None:
    answer = client.ask(
        "GET",
        client.one(task_id),
        headers={"Accept": accept or ""},
        query={"accept": tunnelled} if tunnelled else None,
    ).succeeded()

    assert (answer.content == OUT) is is_csv
    assert answer.headers["content-type"] == ("text/csv" if is_csv else "application/json")


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/json"])
@pytest.mark.parametrize(
    ("path", "query", "content", "name"),
    [
        ("/input", {}, IN, "in.csv"),
        ("/output", {}, OUT, "out.csv"),
        ("", {"accept": "text/csv", "csv_name": "in.csv"}, IN, "in.csv"),
        ("", {"accept": "text/csv", "csv_name": "out.csv"}, OUT, "out.csv"),
        ("", {"accept": "csv"}, OUT, "out.csv"),
    ],
)
def test_a_file_comes_under_the_tasks_name(
    client: KazooClient,
    task_id: str,
    accept: str,
    path: str,
    query: dict[str, str],
    content: bytes,
    name: str,
) -> None:
    answer = client.ask(
        "GET", client.one(task_id) + path, query=query, headers={"Accept": accept}
    ).succeeded()

    assert answer.content == content
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="numbers_copy_{task_id}_{name}"'
    )


def test_a_file_of_the_action_comes_under_its_own_name(client: KazooClient) -> None:
    task_id = client.run("dump")
    query = {"accept": "csv", "csv_name": "dump.csv"}
    answer = client.ask("GET", client.one(task_id), query=query).succeeded()

    assert "dump.csv" in client.read(task_id)["csvs"]
    assert answer.content == b'"e164"\n"+1"\n'
    assert answer.headers["content-disposition"] == 'attachment; filename="dump.csv"'


def test_an_empty_file_is_no_content(client: KazooClient) -> None:
    task_id = client.run("hollow")
    query = {"accept": "csv", "csv_name": "hollow.csv"}
    answer = client.ask("GET", client.one(task_id), query=query)

    assert (answer.status, answer.content) == (204, b"")


def test_a_file_that_is_not_there(client: KazooClient, task_id: str) -> None:
    query = {"accept": "csv", "csv_name": "nope.csv"}
    answer = client.ask("GET", client.one(task_id), query=query)

    answer.failed(404, "bad_identifier", {"cause": task_id, "message": "bad identifier"})


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "*/*"])
def test_a_change_is_answered_with_json_whatever_is_accepted(
    client: KazooClient, accept: str
) -> None:
    one = client.one(client.create("wait", b"e164\n" + b"+1\n" * 100))
    for method, path in (("PATCH", ""), ("PATCH", "/stop"), ("DELETE", "")):
        answer = client.ask(method, one + path, headers={"Accept": accept}).succeeded()
        assert answer.task["category"] == "numbers"
