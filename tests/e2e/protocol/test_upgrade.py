"""A new version of an app takes over from an old one, and serves something less."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.kazoo.broker import queues, vhost_of
from tests.e2e.protocol.apps import write_shop
from tests.servers.cluster import Client, Cluster, eventually
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.stranger import stranger

ROWS = 1_000
MANY_ROWS = 5_000
AT_ONCE_S = 1.0
BATCH = {
    "v": 1, "task_id": "t" * 30, "epoch": 1, "seq": 1, "attempt": 1, "hash": "h",
    "category": "shop", "action": "drop", "account_id": "a", "auth_account_id": "a",
    "columns": ["a"], "rows": [["1"]], "first_row": 1,
}  # fmt: skip


def csv(rows: int) -> bytes:
    return b"a\n" + b"".join(b"%d\n" % number for number in range(rows))


def output(rows: int) -> bytes:
    return b'"a","by"\n' + b"".join(b'"%d","%d"\n' % (one, one) for one in range(rows))


@pytest.mark.timeout(150)
def test_a_task_of_a_dropped_action_runs_on_old_instances_alone_and_waits_for_the_next(
    cluster: Cluster, client: Client, rabbitmq: Rabbitmq, amqp_url: str, tmp_path: Path
) -> None:
    cluster.scheduler(batch_rows="100")
    old = cluster.app(write_shop(tmp_path, "keep", "drop"), folder=tmp_path)
    client.wait_for_action("shop", "drop")
    new = cluster.app(write_shop(tmp_path, "keep"), folder=tmp_path)

    while_both = client.create("shop", "drop", csv(ROWS))
    client.begin(while_both)
    started = time.monotonic()
    assert client.wait_for_end(while_both)["status"] == "success"
    print(f"{ROWS} rows beside a new version: {time.monotonic() - started:.1f} s")  # noqa: T201
    assert client.output(while_both) == output(ROWS)
    assert new.logged("request_refused"), "the new version has got some of the batches"

    left_behind = client.create("shop", "drop", csv(MANY_ROWS))
    client.begin(left_behind)
    client.wait_until(left_behind, lambda one: one.get("success_count", 0) > 0)
    assert old.terminate() == 0
    client.wait_until(left_behind, lambda one: "tasks.shop.drop" in one.get("waiting_for", ""))
    kept = client.create("shop", "keep", csv(10))
    client.begin(kept)
    assert client.wait_for_end(kept)["status"] == "success"

    with stranger(amqp_url) as one:  # an old key leads to the new version, which says no
        one.ask("kztasks.bindings", "shop.tasks.shop.drop", "batch", BATCH)
        answers = [received.json for received in one.drain(quiet_s=AT_ONCE_S)]
    assert answers[-1]["code"] == "unknown_action"
    vhost = vhost_of(amqp_url)
    eventually("nothing stays in the app's queue", lambda: _held(rabbitmq, vhost) == (0, 0))

    cluster.app(write_shop(tmp_path, "keep", "drop"), folder=tmp_path)
    assert new.terminate() == 0
    assert client.wait_for_end(left_behind)["status"] == "success"
    assert client.output(left_behind) == output(MANY_ROWS)


def _held(rabbitmq: Rabbitmq, vhost: str) -> tuple[int, int]:
    """Messages in the app's queue and among the dead; one may just be on its way to an answer."""
    held = queues(rabbitmq, vhost)
    return held["kztasks.app.shop"], held["kztasks.dead"]


@pytest.mark.timeout(90)
def test_after_the_last_instance_has_left_what_is_asked_of_the_app_does_not_stay(
    cluster: Cluster, rabbitmq: Rabbitmq, amqp_url: str, tmp_path: Path
) -> None:
    cluster.scheduler()
    app = cluster.app(write_shop(tmp_path, "drop"), folder=tmp_path)
    vhost = vhost_of(amqp_url)
    eventually("its queue is there", lambda: "kztasks.app.shop" in queues(rabbitmq, vhost))
    assert app.terminate() == 0
    with stranger(amqp_url) as one:
        request = {**BATCH, "task_id": "u" * 30}
        one.ask("kztasks.bindings", "shop.tasks.shop.drop", "batch", request, expires_ms=500)
        answer = one.next(within_s=5)
    assert (answer.properties.type, answer.json["reason"]) == ("dead", "expired")
    eventually("nothing is left", lambda: set(queues(rabbitmq, vhost).values()) == {0}, within_s=5)
