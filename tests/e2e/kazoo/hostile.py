"""Messages that neither a Kazoo node nor an app sends."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pika.spec import BasicProperties

KEYS: Final = {
    "tasks": ("tasks.lookup", "tasks.start", "tasks.stop", "tasks.remove", "tasks.unheard_of"),
    "kztasks.bindings": (
        "apps.beat",
        "apps.down",
        "apps.cancel",
        "tasks.help",
        "tasks.slow.help",
        "schedulers.stop",
        "slow.tasks.slow.copy",
        "slow.tasks.slow.output_header",
    ),
}
"""Keys under which somebody listens, by exchange."""
TYPES: Final = ("batch", "call", "beat", "down", "cancel", "help", "stop", "help_reply", "x", None)
JSON: Final = "application/json"
VALUES: Final[tuple[Any, ...]] = (
    None, True, 7, -1.5, "", "x" * 300, [], ["x"], {}, {"$gt": ""}, "\x00", "\ud800", "../../etc",
)  # fmt: skip
BODIES: Final[tuple[bytes, ...]] = (
    b"",
    b"{",
    b"nonsense",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe\x00",
    b'{"Event-Category":"tasks"',
    b"[" * 200_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"Event-Name": "start_req", "Event-Name": "stop_req"}',
    b'{"Task-ID": 1e999}',
    b" " * 70_000,
    b"x" * 5_000_000,
)
ODD: Final[tuple[dict[str, Any], ...]] = (
    {"content_type": None},
    {"content_type": "text/plain"},
    {"content_type": "application/erlang"},
    {"content_type": "application/json; charset=utf-8"},
    {"content_encoding": "gzip"},
    {"headers": {"x": [{"y": [1, None, True, {"z": b"\xff\x00"}]}]}},
    {"headers": {"Deliver-To-PID": "<0.1.0>", "x-death": "never"}},
    {"headers": {f"h{number}": "x" * 100 for number in range(300)}},
    {"timestamp": 2**63 - 1},
    {"timestamp": 0},
    {"expiration": "60000", "priority": 255, "delivery_mode": 2},
    {"type": "batch", "reply_to": "nobody", "correlation_id": "x" * 200},
    {"user_id": "guest", "app_id": "\u00e9" * 100, "message_id": "m" * 255},
)


@dataclass(frozen=True, slots=True)
class Hostile:
    """One message."""

    key: str
    body: bytes
    properties: BasicProperties


def messages(exchange: str, count: int, *, seed: int) -> Iterator[Hostile]:
    """As many as are wanted for an exchange, the same ones for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        given = {
            "content_type": JSON,
            "type": chance.choice(TYPES),
            **chance.choice((*ODD, {}, {}, {})),
        }
        if number % 40 < len(BODIES):
            body = BODIES[number % 40]
        else:
            body = json.dumps(_spoilt(chance)).encode("utf-8", "surrogatepass")
        yield Hostile(chance.choice(KEYS[exchange]), body, BasicProperties(**given))


def _spoilt(chance: random.Random) -> dict[str, Any]:
    """A request with something wrong in what has to be there."""
    content: dict[str, Any] = {
        "App-Name": "crossbar",
        "App-Version": "4.0.0",
        "Event-Category": "tasks",
        "Event-Name": chance.choice(("lookup_req", "start_req", "stop_req", "remove_req")),
        "Msg-ID": "1f",
        "Server-ID": "nobody-listens-here",
        "Task-ID": "e5c92c4b50bcec520d5d7e1ce1b869",
    }
    for key in chance.sample(("App-Name", "Event-Category", "Event-Name", "Msg-ID"), 2):
        if chance.random() < 0.5:
            del content[key]
        else:
            content[key] = chance.choice([value for value in VALUES if value != "x" * 300])
    content["Server-ID"] = chance.choice(VALUES)
    content[chance.choice(("Raw-Headers", "Node", "Extra"))] = chance.choice(VALUES)
    return content
