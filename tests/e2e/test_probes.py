"""What an operator sees of processes from outside: probes, metrics, and stacks on SIGUSR1."""

from __future__ import annotations

import signal
import socket
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.cluster import Client, Cluster, Running, eventually, numbered_csv

pytestmark = [pytest.mark.e2e, pytest.mark.rabbitmq, pytest.mark.store]

ROWS = 200
MUST_EXIST = (
    "tasks_running",
    "rows_committed_total",
    "batches_committed_total",
    "bad_replies_total",
    "late_replies_total",
    "announcements_dropped_total",
    "records_adopted_total",
    "rows_rerun_total",
    "unknown_writes_total",
    "nodes_declared_dead_total",
    "node_deaths_total",
    "node_fenced_seconds_total",
    "broker_blocked_seconds_total",
    "broker_reconnects_total",
    "output_uploads_failed_total",
    "event_loop_lag_seconds_count",
    "event_loop_lag_max_seconds",
    'kazoo_messages_total{outcome="invalid"}',
    'turns{app="fast",state="waiting"}',
    'turns{app="fast",state="out"}',
    'janitor_removed_total{what="logs"}',
)


def port_of(running: Running) -> int:
    told = eventually("it answers probes", lambda: running.logged("ops_listening"))
    port: int = told[0]["port"]
    return port


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10)


def sample(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"kztasks_{name} ")]
    return float(line.rsplit(" ", 1)[1])


def test_a_scheduler_answers_probes_and_tells_what_it_did(cluster: Cluster, client: Client) -> None:
    port = port_of(cluster.scheduler(ops_port="0"))
    cluster.app("tests.apps.fast:app")
    client.wait_for_action("skel", "id2")
    task_id = client.create("skel", "id2", numbered_csv(ROWS))
    client.begin(task_id)
    client.wait_for_end(task_id)

    assert ask(port, "/healthz").json() == {"alive": True, "checks": {"loop": "ok"}}
    ready = ask(port, "/readyz")
    names = ("broker", "store", "node", "loop")
    assert (ready.status_code, ready.json()["checks"]) == (200, dict.fromkeys(names, "ok"))
    answer = ask(port, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for name in MUST_EXIST:
        sample(answer.text, name)
    assert sample(answer.text, "rows_committed_total") == ROWS
    for name in ("batches_resent", "takeovers", "dead_letters"):
        assert f"# TYPE kztasks_{name}_total counter" in answer.text
    assert task_id not in answer.text


def test_an_app_tells_what_it_ran_and_every_process_how_late_it_is(
    cluster: Cluster, client: Client
) -> None:
    scheduler = port_of(cluster.scheduler(ops_port="0"))
    app = port_of(cluster.app("tests.apps.fast:app", ops_port="0"))
    client.wait_for_action("skel", "id2")
    task_id = client.create("skel", "id2", numbered_csv(ROWS))
    client.begin(task_id)
    client.wait_for_end(task_id)

    told = ask(app, "/metrics").text
    assert sample(told, "app_rows_run_total") == ROWS
    assert sample(told, "app_handler_crashes_total") == 0
    assert sample(told, "broker_connected") == 1
    front = client.http.get("/metrics").text
    for page in (front, told, ask(scheduler, "/metrics").text):
        assert sample(page, "event_loop_lag_seconds_count") > 0
        assert sample(page, "event_loop_lag_max_seconds") >= 0


def test_a_scheduler_says_what_it_waits_for_before_anything_is_there(tmp_path: Path) -> None:
    nowhere = unused_port()
    cluster = Cluster(
        tmp_path,
        {
            "KZTASKS_AMQP_URL": f"amqp://127.0.0.1:{nowhere}/",
            "KZTASKS_MONGO_URL": f"mongodb://127.0.0.1:{nowhere}/",
        },
    )
    try:
        running = cluster.start("scheduler", "scheduler", settings={"ops_port": "0"})
        ready = ask(port_of(running), "/readyz")
        told: dict[str, Any] = ready.json()["checks"]
        assert ready.status_code == 503
        assert told["broker"].startswith("no session: ")
        assert told["store"].startswith("store_unavailable: ")
        assert told["node"] == "not registered yet"
        assert ask(port_of(running), "/healthz").status_code == 200
        running.terminate()
        assert running.process.wait(20) == 0
    finally:
        cluster.close()


def test_a_port_that_is_taken_is_a_sentence(cluster: Cluster) -> None:
    taken = port_of(cluster.scheduler(ops_port="0"))
    second = cluster.start("scheduler", "scheduler", settings={"ops_port": str(taken)})
    assert second.process.wait(30) == 1
    assert "misconfigured: probes cannot be served" in second.log.read_text()


def test_every_process_says_on_a_signal_what_it_is_doing(cluster: Cluster, client: Client) -> None:
    assert client.account_id
    cluster.scheduler()
    cluster.app()
    servers = [one for one in cluster.processes if one.name in {"api", "scheduler", "app"}]
    assert len(servers) == 3
    for running in servers:
        running.process.send_signal(signal.SIGUSR1)
        eventually("stacks are logged", partial(running.logged, "stacks_dumped"))
        kinds = {line["kind"] for line in running.logged("stack")}
        assert kinds == {"task", "thread"}
        assert running.process.poll() is None
