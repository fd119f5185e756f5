"""A client library that was written for Kazoo (`kazoo-sdk` of PyPI) drives a cluster of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.servers import required
from tests.servers.cluster import ROOT, Cluster, client_of

LIBRARY: Final = ROOT / ".venv" / "kazoo-sdk"
"""Where `make install` puts it: it has packages named `tests` and `tasks`."""
SESSION: Final = Path(__file__).with_name("session.py")
CSV: Final = b"e164\n+1\n2\n"


@pytest.fixture
def seen(cluster: Cluster) -> dict[str, Any]:
    """What the library has seen."""
    if not (LIBRARY / "kazoo").is_dir():
        required.missing("kazoo-sdk (`make install` brings it)")
    account_id, token = cluster.account()
    key = cluster.start("accounts", "accounts", "key", account_id)
    assert key.process.wait(30) == 0, key.log.read_text()
    _, url = cluster.api()
    cluster.scheduler()
    cluster.app("tests.e2e.conformance.app:app")
    with client_of(url, account_id, token) as client:
        client.wait_for_action("numbers", "copy")
    csv = cluster.folder / "in.csv"
    csv.write_bytes(CSV)
    ran = subprocess.run(
        [sys.executable, str(SESSION), f"{url}/v2", key.log.read_text().split()[1], str(csv)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(LIBRARY)},  # noqa: TID251  (a child's)
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["account"] == account_id
    return found


def test_the_library_creates_starts_reads_stops_lists_and_removes_tasks(
    seen: dict[str, Any],
) -> None:
    uploaded, ended = seen["uploaded"], seen["ended"]

    assert seen["help"]["tasks"]["numbers"]["copy"]["mandatory"] == ["e164"]
    assert (seen["from_records"]["status"], seen["from_records"]["total_count"]) == ("pending", 1)
    assert seen["upload_is_ok"]
    assert (uploaded["total_count"], uploaded["file_name"]) == (2, "numbers.csv")
    assert (ended["id"], ended["was"], ended["status"]) == (uploaded["id"], "executing", "partial")
    assert (ended["success_count"], ended["failure_count"]) == (1, 1)
    assert seen["stopped"]["status"] == "stopped"
    assert set(seen["listed"]) == {
        seen["from_records"]["id"], uploaded["id"], seen["stopped"]["id"],
    }  # fmt: skip
    assert seen["page_size"] == 3
    assert seen["output"] == '"e164","copied"\n"+1","+1"\n"2","no plus"\n'
    assert seen["removed"]["id"] == uploaded["id"]
    # The library understands what was refused, and why.
    assert "bad identifier" in seen["gone"]
    assert "invalid request" in seen["no_action"]
    assert "bad_identifier" in seen["not_mine"]
    assert "bad identifier" in seen["bad_key"]
