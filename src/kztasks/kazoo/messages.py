"""The eight messages of Kazoo's API: four requests and the reply to each.

| request | routing key on `tasks` | reply |
|---|---|---|
| `lookup_req` | `tasks.lookup` | `lookup_resp` with `Help` |
| `start_req` | `tasks.start` | `start_resp` with `Reply` |
| `stop_req` | `tasks.stop` | `stop_resp` with `Reply` |
| `remove_req` | `tasks.remove` | `remove_resp` with `Reply` |

A `Reply` is the task's public JSON under `_read_only`, or one of the refusals of
`kztasks.kazoo.operations` as a string. Replies go to the exchange `targeted` under the request's
`Server-ID`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from pydantic import JsonValue

from kztasks.kazoo.envelope import (
    MAX_REQUEST_BYTES,
    Address,
    Headers,
    KazooMessage,
    Word,
    decode,
)
from tasks_bindings.errors import DecodeError

_PID_SCHEME: Final = "pid://"
_DELIVER_TO_PID: Final = "Deliver-To-PID"
_MAX_ROUTING_KEY_BYTES: Final = 255

TaskJson = dict[str, JsonValue]
"""A task as it travels: `{"_read_only": {...}}`."""


class LookupReply(KazooMessage):
    """`Help` maps category to action to metadata; `{}` stands for unknown."""

    event_name: Literal["lookup_resp"] = "lookup_resp"
    help: dict[str, dict[str, JsonValue]]


class TaskReply(KazooMessage):
    """The task, or why not."""

    reply: TaskJson | Word


class StartReply(TaskReply):
    """The reply to `start_req`."""

    event_name: Literal["start_resp"] = "start_resp"


class StopReply(TaskReply):
    """The reply to `stop_req`."""

    event_name: Literal["stop_resp"] = "stop_resp"


class RemoveReply(TaskReply):
    """The reply to `remove_req`; the task is as it was before it was removed."""

    event_name: Literal["remove_resp"] = "remove_resp"


class KazooRequest(KazooMessage):
    """What a request has beside the headers."""

    routing_key: ClassVar[str]
    reply_model: ClassVar[type[KazooMessage]]

    server_id: Address | None = None
    """Where the reply goes; without it nobody waits for one."""
    system_log_id: Word | None = None
    """Names the caller's own request in its logs."""


class LookupRequest(KazooRequest):
    """Which tasks are there? A missing `Category` or `Action` means all."""

    routing_key = "tasks.lookup"
    reply_model = LookupReply

    event_name: Literal["lookup_req"] = "lookup_req"
    category: Word | None = None
    action: Word | None = None


class TaskRequest(KazooRequest):
    """A request about one task."""

    reply_model: ClassVar[type[TaskReply]]

    task_id: Word


class StartRequest(TaskRequest):
    """Run a pending task."""

    routing_key = "tasks.start"
    reply_model = StartReply

    event_name: Literal["start_req"] = "start_req"


class StopRequest(TaskRequest):
    """Stop an executing task."""

    routing_key = "tasks.stop"
    reply_model = StopReply

    event_name: Literal["stop_req"] = "stop_req"


class RemoveRequest(TaskRequest):
    """Delete a task that does not execute."""

    routing_key = "tasks.remove"
    reply_model = RemoveReply

    event_name: Literal["remove_req"] = "remove_req"


AnyTaskRequest = StartRequest | StopRequest | RemoveRequest
AnyRequest = LookupRequest | AnyTaskRequest

REQUESTS: Final[Mapping[str, type[AnyRequest]]] = MappingProxyType(
    {
        "lookup_req": LookupRequest,
        "start_req": StartRequest,
        "stop_req": StopRequest,
        "remove_req": RemoveRequest,
    }
)
"""The requests by their `Event-Name`, which alone decides what a message is."""


def parse_request(body: bytes, content_type: str | None) -> AnyRequest:
    """The request in a message from the exchange `tasks`.

    Raises:
        WireError: it is none; the text says why.
    """
    headers = decode(body, content_type, Headers, limit=MAX_REQUEST_BYTES)
    model = REQUESTS.get(headers.event_name)
    if model is None:
        raise DecodeError(f"Event-Name {headers.event_name!r} is no request")
    return decode(body, content_type, model, limit=MAX_REQUEST_BYTES)


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """The routing key on `targeted` and the AMQP headers of a reply."""

    routing_key: str
    headers: Mapping[str, str | int]


def reply_address(server_id: str | None) -> ReplyAddress | None:
    """Where a `Server-ID` leads, or `None` if no reply can be addressed to it.

    `pid://PID/KEY` stands for a process inside the Erlang node that listens under `KEY`.
    """
    if server_id is None:
        return None
    pid, key = "", server_id
    if server_id.startswith(_PID_SCHEME):
        pid, _, key = server_id.removeprefix(_PID_SCHEME).partition("/")
    if not 0 < len(key.encode()) <= _MAX_ROUTING_KEY_BYTES:
        return None
    return ReplyAddress(key, {_DELIVER_TO_PID: pid} if pid else {})
