"""Exchanges are exactly Kazoo's, and after everything has stopped only what is promised is left."""

from __future__ import annotations

import re

import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.e2e.kazoo.broker import counts, queues, vhost_of
from tests.e2e.kazoo.conftest import Site
from tests.servers.cluster import ROOT, Cluster, eventually
from tests.servers.rabbitmq import Rabbitmq
from tests.servers.stranger import stranger

KAZOO = {"tasks": "topic", "targeted": "direct"}
DURABLE = re.compile(r"^\| `(kztasks\.[\w.]+)` \|.*\bdurable\b", re.MULTILINE)


@pytest.mark.timeout(60)
def test_a_scheduler_declares_exactly_kazoos_exchanges(cluster: Cluster, amqp_url: str) -> None:
    cluster.scheduler()
    with stranger(amqp_url) as one:
        for exchange, kind in KAZOO.items():
            one.channel.exchange_declare(exchange, passive=True)  # it is there
            one.channel.exchange_declare(exchange, kind)  # and a Kazoo node may declare it
            for other in (
                {"exchange_type": kind, "durable": True},
                {"exchange_type": kind, "auto_delete": True},
                {"exchange_type": kind, "internal": True},
                {"exchange_type": "fanout"},
            ):
                with pytest.raises(ChannelClosedByBroker, match="PRECONDITION_FAILED"):
                    one.new_channel().exchange_declare(exchange, **other)


@pytest.mark.timeout(60)
def test_a_scheduler_starts_where_a_kazoo_node_has_declared_them_before(
    cluster: Cluster, rabbitmq: Rabbitmq, amqp_url: str
) -> None:
    vhost = vhost_of(amqp_url)
    with stranger(amqp_url) as one:
        for exchange, kind in KAZOO.items():
            one.channel.exchange_declare(exchange, kind)
        scheduler = cluster.scheduler()
        eventually("it takes requests", lambda: "kztasks.requests" in queues(rabbitmq, vhost))
    assert scheduler.logged("queue_refused") == []


@pytest.mark.timeout(120)
def test_after_everything_has_stopped_only_the_durable_queues_are_left(
    site: Site, rabbitmq: Rabbitmq, amqp_url: str
) -> None:
    table = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    promised = {name.replace("NAME", "slow") for name in DURABLE.findall(table)}
    vhost = vhost_of(amqp_url)
    before = set(queues(rabbitmq, vhost))
    assert len(before) > len(promised), "while they run there are more"

    site.crossbar.close()
    for one in site.cluster.processes:
        if one.process.poll() is None:
            assert one.terminate() == 0, one.name
    eventually("they have left", lambda: counts(rabbitmq, vhost).connections == 0)
    assert set(queues(rabbitmq, vhost)) == promised & before
    assert set(queues(rabbitmq, vhost).values()) == {0}
