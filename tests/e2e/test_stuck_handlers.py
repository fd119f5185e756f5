"""A handler never returns; its process must not be lost to everybody else until somebody looks."""

from __future__ import annotations

import signal
import time

import httpx
import pytest

from tasks_bindings.sdk.process import EXIT_NOW, EXIT_STUCK
from tests.apps.stuck import NEVER
from tests.servers.cluster import Client, Cluster, Running, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.rabbitmq, pytest.mark.store, pytest.mark.timeout(120)]

APP = "tests.apps.stuck:app"
ROW_TIMEOUT_S = 2
GRACE_S = 2
ROWS = 100
HANGS = f"cell\na\n{NEVER}\n".encode()


def scheduler(cluster: Cluster) -> None:
    cluster.scheduler(row_timeout_s=str(ROW_TIMEOUT_S))


def instance(cluster: Cluster, *, drain_s: float = 25.0) -> tuple[Running, int]:
    """An instance of the app, and the port of its probes."""
    app = cluster.app(APP, ops_port="0", stuck_grace_s=str(GRACE_S), drain_s=str(drain_s))
    port: int = eventually("it answers probes", lambda: app.logged("ops_listening"))[0]["port"]
    return app, port


def begun(client: Client, action: str, csv: bytes) -> str:
    client.wait_for_action("stuck", action)
    task_id = client.create("stuck", action, csv)
    client.begin(task_id)
    return task_id


def livez_until_end(app: Running, port: int, *, within_s: float) -> list[httpx.Response]:
    """What the process says of itself until it has ended."""
    said = []
    deadline = time.monotonic() + within_s
    while app.process.poll() is None and time.monotonic() < deadline:
        try:
            said.append(httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5))
        except httpx.TransportError:
            continue  # it ends at this moment
    return said


def test_a_process_with_a_thread_that_never_returns_says_so_and_ends_itself(
    cluster: Cluster, client: Client
) -> None:
    scheduler(cluster)
    app, port = instance(cluster)
    hanging = begun(client, "thread", HANGS)
    others = "".join(f"{number}\n" for number in range(ROWS))
    other = begun(client, "thread", f"cell\n{others}".encode())
    document = client.wait_for_end(hanging)
    said = livez_until_end(app, port, within_s=30)
    cluster.app(APP)
    whole = client.wait_for_end(other)

    assert document["status"] == "internal_error"
    assert app.process.wait(1) == EXIT_STUCK
    assert {answer.status_code for answer in said} == {200, 503}
    (why,) = said[-1].json()["stuck"]
    for part in ("tests.apps.stuck.in_thread", f"row 2 of task {hanging}", "stuck.thread"):
        assert part in why
    (logged,) = app.logged("handler_stuck")
    assert (logged["task_id"], logged["row"]) == (hanging, 2)
    assert (whole["status"], whole["success_count"]) == ("success", ROWS)
    assert client.output(other).count(b"\n") == ROWS + 1


def test_a_coroutine_that_never_returns_is_cancelled_and_its_process_goes_on(
    cluster: Cluster, client: Client
) -> None:
    scheduler(cluster)
    app, port = instance(cluster)
    hanging = begun(client, "coroutine", HANGS)
    assert client.wait_for_end(hanging)["status"] == "internal_error"
    eventually("the handler is cancelled", lambda: app.logged("row_cancelled"))
    other = begun(client, "coroutine", b"cell\na\n")

    assert client.wait_for_end(other)["status"] == "success"
    assert httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 200
    assert app.process.poll() is None


def test_a_process_with_such_a_thread_leaves_when_it_is_told_to(
    cluster: Cluster, client: Client
) -> None:
    scheduler(cluster)
    app, _ = instance(cluster, drain_s=1)
    begun(client, "thread", HANGS)
    eventually("the row runs", lambda: app.logged("hangs"))
    started = time.monotonic()

    assert app.terminate() == 0
    assert time.monotonic() - started < 5


def test_a_second_signal_ends_an_app_at_once(cluster: Cluster, client: Client) -> None:
    scheduler(cluster)
    app, _ = instance(cluster, drain_s=60)
    begun(client, "thread", HANGS)
    eventually("the row runs", lambda: app.logged("hangs"))
    app.process.terminate()
    eventually("it leaves", lambda: app.logged("app_stopping"))
    app.process.send_signal(signal.SIGTERM)

    assert app.process.wait(5) == EXIT_NOW
