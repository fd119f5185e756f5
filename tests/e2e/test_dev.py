"""`kztasks dev`: everything in one process, as `make run` starts it."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers.cluster import Cluster, Running, eventually


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Cluster]:
    """A folder of its own; no broker and no database are needed."""
    cluster = Cluster(tmp_path, {})
    yield cluster
    cluster.close()


def dev(here: Cluster, *arguments: str) -> Running:
    data = str(here.folder / "var")
    return here.start("dev", "dev", "--port", "0", "--folder", data, *arguments)


def address(running: Running) -> str:
    found = eventually(
        "dev says where it serves",
        lambda: re.search(r"serves (http://\S+)", running.log.read_text()),
    )
    url: str = found[1]
    return url


def statuses(here: Cluster, url: str) -> list[str]:
    """Of all tasks of the first account."""
    kept = json.loads((here.folder / "var" / "account.json").read_text())
    answer = httpx.get(
        f"{url}/v2/accounts/{kept['account_id']}/tasks", headers={"X-Auth-Token": kept["token"]}
    )
    return [task["status"] for task in answer.json()["data"]]


def test_the_sample_job_ends_with_success_and_its_output_is_there(here: Cluster) -> None:
    running = dev(here, "--once")

    assert running.process.wait(60) == 0, running.log.read_text()
    told = running.log.read_text()
    assert '"status": "success"' in told
    lines = (here.folder / "var" / "sample_out.csv").read_text().splitlines()
    assert len(lines) == 201
    assert lines[200] == '"+14155550200","customer 200","+14155550200","customer 200"'


def test_a_second_start_is_quick_and_has_the_tasks_of_the_first(here: Cluster) -> None:
    assert dev(here, "--once").process.wait(60) == 0
    began = time.monotonic()
    second = dev(here, "--no-sample")
    url = address(second)

    assert time.monotonic() - began < 5
    assert statuses(here, url) == ["success"]
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(20) == 0


def test_a_task_that_was_running_when_it_was_killed_goes_on_at_once(here: Cluster) -> None:
    first = dev(here)
    url = address(first)
    eventually("the sample job runs", lambda: statuses(here, url) == ["executing"], within_s=10)
    first.kill()
    second = dev(here, "--no-sample")
    url = address(second)

    assert eventually("it is done", lambda: statuses(here, url) == ["success"], within_s=10)


def test_both_sample_apps_can_be_discovered_without_a_token(here: Cluster) -> None:
    running = dev(here, "--no-sample")
    url = address(running)

    found = eventually(
        "both apps show up",
        lambda: (
            {"skel", "number_management"}
            <= set(httpx.get(f"{url}/v2/tasks").json()["data"]["tasks"])
        ),
        within_s=10,
    )
    assert found
    running.kill()


def test_its_database_ends_with_it_also_when_it_is_killed(here: Cluster) -> None:
    running = dev(here, "--no-sample")
    address(running)
    children = psutil.Process(running.process.pid).children(recursive=True)
    assert children
    running.kill()

    eventually("no child is left", lambda: not any(one.is_running() for one in children))


def test_a_second_process_on_the_same_folder_is_refused_with_a_sentence(here: Cluster) -> None:
    first = dev(here, "--no-sample")
    address(first)
    second = dev(here, "--no-sample")

    assert second.process.wait(20) == 1
    assert "Traceback" not in second.log.read_text()
    assert "var" in second.log.read_text()
    first.kill()


def test_dev_shows_its_scheduler_to_probes(here: Cluster) -> None:
    url = address(dev(here, "--no-sample"))
    checks = httpx.get(f"{url}/readyz").json()["checks"]
    assert {name: checks[f"scheduler_{name}"] for name in ("broker", "store", "node", "loop")} == (
        dict.fromkeys(("broker", "store", "node", "loop"), "ok")
    )
    text = httpx.get(f"{url}/metrics").text
    assert "kztasks_rows_committed_total 0.0" in text
    assert "kztasks_build_info{" in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)), "each metric is there once"


def test_a_trigger_of_the_sample_app_fires_and_nothing_is_logged_that_should_worry(
    here: Cluster,
) -> None:
    running = dev(here, "--no-sample")
    url = address(running)
    kept = json.loads((here.folder / "var" / "account.json").read_text())
    minute = f"{url}/v2/tasks/triggers/minute"
    token = {"X-Auth-Token": kept["token"]}
    eventually("it is bound", lambda: httpx.get(minute, headers=token).is_success)
    assert httpx.patch(minute, headers=token).status_code == 200
    firing = eventually(
        "it has fired",
        lambda: next(
            (
                one
                for one in httpx.get(minute, headers=token).json()["data"]["firings"]
                if one["outcome"] == "done"
            ),
            None,
        ),
        within_s=10,
    )
    (call,) = firing["calls"]
    assert (call["app"], call["handler"], call["outcome"]) == ("skel", "every_minute", "ok")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 0
    worries = {one["event"] for one in running.events()}
    assert worries <= {"event_loop_late"}, "the machine may be busy, but nothing else is wrong"
