"""A dry run in a real cluster says beforehand which rows the task will refuse."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers.cluster import Client, Cluster, client_of

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

MIB: Final = 1024 * 1024
NUMBERS: Final = (
    b"e164,account_id,ported_in,note\n"
    b"+14155550100,,true,good\n"
    b"14155550101,,,no plus sign\n"
    b"+14155550102,short,maybe,two bad cells\n"
    b'+14155550103,"",,an account that is empty between quotes\n'
    b"+14155550104,0123456789abcdef0123456789abcdef,false,good\n"
)
PICKY: Final = """
from tasks_bindings import App, Category, Context, Row, Step, row

words = Category("words")
app = App("words", words)


@words.verifier("a")
def a(cell: str) -> bool:
    return not cell.endswith("000")


@words.csv_action("copy", description="Copies", mandatory=["a", "b"], wait_after_row_ms=0)
def copy(_context: Context, _data: object, _row: Row) -> Step:
    return row({})
"""


def curl(client: Client, csv_file: Path, category: str, action: str) -> dict[str, Any]:
    """A dry run of a file; the data of the answer."""
    url = f"{client.http.base_url}{client.tasks}?category={category}&action={action}"
    token = client.http.headers["x-auth-token"]
    done = subprocess.run(
        [
            "curl", "-sS", "-X", "PUT", "-H", f"X-Auth-Token: {token}", "-H",
             "Content-Type: text/csv", "--data-binary", f"@{csv_file}",
            f"{url}&validate_only=true", "-w", "\n%{http_code}",
        ],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    body, status = done.stdout.rsplit("\n", 1)
    assert status == "200", done.stdout
    data: dict[str, Any] = json.loads(body)["data"]
    return data


def test_the_rows_that_a_dry_run_names_are_those_that_the_task_refuses(
    cluster: Cluster, client: Client, tmp_path: Path
) -> None:
    cluster.scheduler()
    cluster.app("apps.number_management:app")
    client.wait_for_action("number_management", "find")
    file = tmp_path / "numbers.csv"
    file.write_bytes(NUMBERS)

    data = curl(client, file, "number_management", "find")
    assert client.http.get(client.tasks).json()["data"] == []
    task_id = client.create("number_management", "find", NUMBERS)
    client.begin(task_id)
    client.wait_for_end(task_id)

    assert (data["verified"], data["rows"], data["failed_rows"]) == (True, 5, 3)
    told: dict[int, list[str]] = {}
    for failure in data["failures"]:
        told.setdefault(failure["row"], []).append(failure["column"])
    lines = list(csv.DictReader(io.StringIO(client.output(task_id).decode())))
    refused = {
        number: line["error"].removeprefix("bad field(s) ").split(" ")
        for number, line in enumerate(lines, 1)
        if line["error"].startswith("bad field(s) ")
    }
    assert told == refused == {2: ["e164"], 3: ["account_id", "ported_in"], 4: ["account_id"]}


@pytest.mark.timeout(120)
def test_two_hundred_thousand_rows_take_the_memory_of_a_thousand(cluster: Cluster) -> None:
    account_id, token = cluster.account()
    (cluster.folder / "picky.py").write_text(PICKY)
    api, url = cluster.api()
    cluster.scheduler()
    app = cluster.app("picky:app", folder=cluster.folder)
    with client_of(url, account_id, token) as client:
        client.wait_for_action("words", "copy")

        def dry_run(rows: int) -> dict[str, Any]:
            lines = (f"{number},some text,{'x' * 20}\n" for number in range(1, rows + 1))
            file = cluster.folder / "in.csv"
            file.write_text("a,b,c\n" + "".join(lines))
            return curl(client, file, "words", "copy")

        dry_run(1_000)
        before = [process.peak_memory for process in (api, app)]
        data = dry_run(200_000)
        after = [process.peak_memory for process in (api, app)]

    assert (data["rows"], data["failed_rows"], len(data["failures"])) == (200_000, 200, 100)
    assert [one["row"] for one in data["failures"]] == [*range(1_000, 100_001, 1_000)]
    grown = [(late - early) / MIB for early, late in zip(before, after, strict=True)]
    assert all(growth <= 50 for growth in grown), grown
