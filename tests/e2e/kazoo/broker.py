"""What the broker holds for one virtual host."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.servers.rabbitmq import Rabbitmq


def vhost_of(url: str) -> str:
    """The virtual host in a broker's URL."""
    return urlsplit(url).path.removeprefix("/")


def queues(node: Rabbitmq, vhost: str) -> dict[str, int]:
    """Queues of a virtual host, and how many messages are in each."""
    listed = node.ctl("list_queues", "--no-table-headers", "-p", vhost, "name", "messages")
    rows = (line.rsplit("\t", 1) for line in listed.splitlines() if line)
    return {name: int(messages) for name, messages in rows}


@dataclass(frozen=True, slots=True)
class Counts:
    """Connections, channels and consumers of a virtual host, and the kinds of its queues."""

    connections: int
    channels: int
    consumers: int
    queues: int


def counts(node: Rabbitmq, vhost: str) -> Counts:
    """How many there are now."""

    def lines(*arguments: str) -> list[str]:
        return [one for one in node.ctl(*arguments, "--no-table-headers").splitlines() if one]

    return Counts(
        connections=lines("list_connections", "vhost").count(vhost),
        channels=lines("list_channels", "vhost").count(vhost),
        consumers=len(lines("list_consumers", "-p", vhost, "queue_name")),
        queues=len(queues(node, vhost)),
    )
