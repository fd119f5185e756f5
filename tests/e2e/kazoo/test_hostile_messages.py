"""What a stranger sends stops nobody, comes back to nobody and leaves nothing behind."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.e2e.kazoo.broker import counts, queues, vhost_of
from tests.e2e.kazoo.conftest import Site
from tests.e2e.kazoo.hostile import KEYS, messages
from tests.servers.cluster import Running, eventually, id2_output, numbered_csv
from tests.servers.rabbitmq import Rabbitmq

HOSTILE = 500


def counted(scheduler: Running) -> int:
    """How many invalid messages its metrics tell."""
    port = scheduler.logged("ops_listening")[0]["port"]
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    [value] = re.findall(r'kztasks_kazoo_messages_total\{outcome="invalid"\} (\S+)', text)
    return int(float(value))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("exchange", KEYS)
def test_five_hundred_hostile_messages_do_no_harm(
    site: Site, rabbitmq: Rabbitmq, amqp_url: str, exchange: str
) -> None:
    vhost = vhost_of(amqp_url)
    before = counts(rabbitmq, vhost)
    for one in messages(exchange, HOSTILE, seed=4):
        site.crossbar.amqp.send(exchange, one.key, one.body, one.properties)

    def dropped() -> int:
        return sum(len(one.logged("kazoo_message_dropped")) for one in site.schedulers)

    eventually("they are read", lambda: set(queues(rabbitmq, vhost).values()) == {0}, within_s=30)
    assert site.crossbar.help()["slow"]
    assert site.all_alive()
    if exchange == "tasks":
        assert dropped() > HOSTILE // 2, "most of them are told in the log"
        assert sum(map(counted, site.schedulers)) == dropped(), "and each of those is counted"
    assert site.crossbar.amqp.drain(quiet_s=0.5) == [], "nobody is answered"
    sessions = [len(one.logged("bus_session_lost")) for one in site.schedulers]
    assert sessions == [0, 0], "no connection was lost"

    assert counts(rabbitmq, vhost) == before
    assert set(queues(rabbitmq, vhost).values()) == {0}
    task_id = site.client.create("slow", "copy", numbered_csv(20))
    assert site.crossbar.ask("start", Task_ID=task_id).reply["status"] == "executing"
    assert site.client.wait_for_end(task_id)["status"] == "success"
    assert site.client.output(task_id) == id2_output(20)
