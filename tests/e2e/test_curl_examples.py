"""The examples of docs/use-the-api.md on what runs by the clock, as they stand there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.servers.cluster import Cluster, eventually

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = (ROOT / "docs" / "use-the-api.md").read_text()


def examples(section: str) -> list[str]:
    """The commands of a section's first block."""
    text = DOCUMENT.split(f"\n## {section}\n")[1]
    block = re.search(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1].replace("\\\n", " ").splitlines()


class Shell:
    """A terminal in which a client has what `kztasks dev` printed."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder = folder
        self.variables = variables

    def run(self, command: str) -> Any:
        """The `data` of what a command answers."""
        ran = subprocess.run(
            ["/bin/bash", "-c", command.replace("curl ", "curl -sS ", 1)],
            cwd=self._folder,
            env={"PATH": "/usr/bin:/bin", **self.variables},
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(ran.stdout)
        assert answer["status"] == "success", (command, answer)
        return answer["data"]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    cluster = Cluster(tmp_path, {})
    data = tmp_path / "var"
    dev = cluster.start("dev", "dev", "--port", "0", "--folder", str(data), "--no-sample")
    url = eventually("it serves", lambda: re.search(r"serves (http://\S+)", dev.log.read_text()))
    kept = json.loads((data / "account.json").read_text())
    (tmp_path / "in.csv").write_text("col1,col2\na,b\n")
    query = {"category": "skel", "action": "id2"}
    eventually("skel shows up", lambda: httpx.get(f"{url[1]}/v2/tasks", params=query).is_success)
    variables = {"BASE": f"{url[1]}/v2", "A": kept["account_id"], "T": kept["token"]}
    yield Shell(tmp_path, variables)
    cluster.close()


def test_schedules(shell: Shell) -> None:
    create, all_of_them, one, run, history, pause, remove = examples("Schedules")
    created = shell.run(create)
    shell.variables["ID"] = created["id"]
    assert len(created["next"]) == 10
    assert [found["id"] for found in shell.run(all_of_them)] == [created["id"]]
    assert shell.run(one)["cron"] == "30 2 * * MON-FRI"
    assert shell.run(run)["waiting"] == 1
    (made,) = eventually("the task is made", lambda: shell.run(history), within_s=10)
    assert made["outcome"] == "started"
    assert shell.run(pause)["paused"] is True
    assert shell.run(pause.replace("=pause", "=resume"))["paused"] is False
    assert shell.run(remove)["id"] == created["id"]


def test_triggers(shell: Shell) -> None:
    all_of_them, one, fire = examples("Triggers")
    eventually("it is bound", lambda: shell.run(all_of_them), within_s=10)
    shell.run(fire)
    fired = eventually("it has fired", lambda: shell.run(one)["firings"], within_s=10)
    assert fired[0]["calls_made"] <= 1
