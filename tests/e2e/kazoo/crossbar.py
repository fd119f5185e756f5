"""Crossbar's side of Kazoo's API: pika and JSON, after a real node's messages; no code of ours."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pika.spec import BasicProperties

from tests.servers.stranger import Received, Stranger

GREGORIAN_OFFSET_S: Final = 62_167_219_200
REQUIRED: Final = ("App-Name", "App-Version", "Event-Category", "Event-Name", "Msg-ID")
TIMEOUT_S: Final = 2.0
"""A caller in Kazoo waits so long."""
NODE: Final = "kazoo_apps@h1.example.com"


def gregorian_us() -> int:
    """The timestamp property of a real node: microseconds since the year 0."""
    return int((time.time() + GREGORIAN_OFFSET_S) * 1_000_000)


def unset_keys(content: Any, path: str = "") -> list[str]:
    """Paths of keys that Kazoo would not have written: null or empty text."""
    match content:
        case dict():
            return [
                found
                for key, value in content.items()
                for found in (
                    [f"{path}.{key}"] if value is None or value == "" else unset_keys(value, key)
                )
            ]
        case list():
            return [found for value in content for found in unset_keys(value, path)]
        case _:
            return []


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply and how long it took."""

    content: dict[str, Any]
    received: Received
    seconds: float

    @property
    def reply(self) -> Any:
        """`Reply`, or the task inside it."""
        reply = self.content["Reply"]
        return reply["_read_only"] if isinstance(reply, dict) else reply


class Crossbar:
    """A requester with one queue, whose name is its `Server-ID`.

    Args:
        url: of the broker.
        nodes: names that may stand in `Node` of a reply.
    """

    def __init__(self, url: str, nodes: set[str]) -> None:
        self._nodes = nodes
        self._numbers = itertools.count(1)
        self.server_id = f"{NODE}-kz_amqp_worker-<0.2211.0>-1a2b3c4d"
        self.amqp = Stranger(url, self.server_id)
        self.listen(self.server_id)

    def listen(self, key: str) -> None:
        """Hear replies under a key of `targeted`, which is declared as every Kazoo node does."""
        self.amqp.channel.exchange_declare("tasks", "topic", durable=False)
        self.amqp.channel.exchange_declare("targeted", "direct", durable=False)
        self.amqp.bind("targeted", key)

    def request(self, event: str, **keys: Any) -> dict[str, Any]:
        """A request; `Task_ID` is `Task-ID`."""
        return {
            "Event-Category": "tasks",
            "Event-Name": f"{event}_req",
            "App-Name": "crossbar",
            "App-Version": "4.0.0",
            "Msg-ID": f"{next(self._numbers):016x}",
            "Server-ID": self.server_id,
            "Node": NODE,
            "System-Log-ID": "0d5e7c0b2f9a4f6f8f0b1c2d3e4f5a6b",
            **{key.replace("_", "-"): value for key, value in keys.items()},
        }

    def send(self, request: dict[str, Any]) -> None:
        """Publish a request as a real node does: the content type, the timestamp, nothing else."""
        event = str(request["Event-Name"]).removesuffix("_req")
        properties = BasicProperties(content_type="application/json", timestamp=gregorian_us())
        self.amqp.send("tasks", f"tasks.{event}", json.dumps(request).encode(), properties)

    def ask(self, event: str, **keys: Any) -> Answer:
        """Send a request and check its reply as Kazoo's worker does."""
        request = self.request(event, **keys)
        started = time.monotonic()
        self.send(request)
        received = self.amqp.next(TIMEOUT_S + 3)
        seconds = time.monotonic() - started
        content = self.checked(received)
        assert content["Msg-ID"] == request["Msg-ID"]
        assert content["Event-Name"] == f"{event}_resp"
        assert seconds < TIMEOUT_S, f"{event} was answered after {seconds:.2f} s"
        return Answer(content, received, seconds)

    def checked(self, received: Received) -> dict[str, Any]:
        """A reply's content, once it is one that Kazoo takes."""
        assert received.properties.content_type == "application/json"
        content: dict[str, Any] = received.json
        assert all(isinstance(content.get(key), str) for key in REQUIRED), content
        assert content["Event-Category"] == "tasks"
        assert content["Node"] in self._nodes
        assert unset_keys(content) == []
        assert ("Help" if content["Event-Name"] == "lookup_resp" else "Reply") in content
        return content

    def help(self, **keys: Any) -> dict[str, Any]:
        """`Help` of a lookup."""
        found: dict[str, Any] = self.ask("lookup", **keys).content["Help"]
        return found

    def close(self) -> None:
        """Leave."""
        self.amqp.close()


@contextmanager
def crossbar_of(url: str, *nodes: str) -> Iterator[Crossbar]:
    """A Crossbar on a broker, with the nodes that it expects replies from."""
    one = Crossbar(url, set(nodes))
    try:
        yield one
    finally:
        one.close()
