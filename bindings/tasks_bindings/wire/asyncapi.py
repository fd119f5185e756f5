"""The protocol as an AsyncAPI 3.0 document, generated from the messages and the topology.

It is written from an app's side: what it receives, what it sends. `docs/protocol.md` tells the
order of things, which no such document can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tasks_bindings.wire import codec
from tasks_bindings.wire.keys import APPS_BEAT, APPS_CANCEL, APPS_DOWN, HELP, SCHEDULERS_STOP
from tasks_bindings.wire.messages import MessageType
from tasks_bindings.wire.schemas import MODELS, Schema, all_schemas, schema_of
from tasks_bindings.wire.topology import BINDINGS, DEAD, DEAD_QUEUE, DELIVERY_LIMIT

_REPLIES: Final = "replies"
_PLACES: Final = {
    "app": "The app's name.",
    "category": "The category of the task.",
    "action": "The action of the task.",
    "part": "`output_header`, `finish`, `cleanup` or the name of a column (its verifier).",
    "trigger": "`minute`, `hour`, `day`, `account`, `account_mod`, `system` or `other`.",
    "instance": "The random name that this run of the app gave itself.",
}


@dataclass(frozen=True, slots=True)
class _Channel:
    """A routing key of the exchange of the bindings, and what travels under it."""

    key: str
    summary: str
    messages: tuple[MessageType, ...]
    sends: bool = False
    answers: tuple[MessageType, ...] = ()
    is_ours: bool = True
    """Whether apps have to do with it at all."""


_HELP_ANSWERS: Final = (MessageType.HELP_REPLY,)
_CHANNELS: Final[Mapping[str, _Channel]] = {
    "beat": _Channel(APPS_BEAT, "Say every 2 s: still here", (MessageType.BEAT,), sends=True),
    "down": _Channel(APPS_DOWN, "Say that it leaves", (MessageType.DOWN,), sends=True),
    "help": _Channel(HELP, "What do you serve?", (MessageType.HELP,), answers=_HELP_ANSWERS),
    "helpCategory": _Channel(
        "tasks.{category}.help",
        "What do you serve of this category?",
        (MessageType.HELP,),
        answers=_HELP_ANSWERS,
    ),
    "helpAction": _Channel(
        "tasks.{category}.help.{action}",
        "Do you serve this action?",
        (MessageType.HELP,),
        answers=_HELP_ANSWERS,
    ),
    "instance": _Channel(
        "apps.instance.{instance}",
        "What is meant for one instance",
        (
            MessageType.HELP,
            MessageType.CLAIMS,
            MessageType.FILE_REQUEST,
            MessageType.FILE_STORED,
        ),
        answers=(MessageType.HELP_REPLY, MessageType.FILE_PART, MessageType.REFUSED),
    ),
    "cancel": _Channel(APPS_CANCEL, "End a running batch", (MessageType.CANCEL,)),
    "batch": _Channel(
        "{app}.tasks.{category}.{action}",
        "Run rows",
        (MessageType.BATCH,),
        answers=(MessageType.PROGRESS, MessageType.BATCH_REPLY, MessageType.REFUSED),
    ),
    "verify": _Channel(
        "{app}.tasks.{category}.{action}",
        "Verify rows, and do nothing else",
        (MessageType.VERIFY,),
        answers=(MessageType.VERIFY_REPLY, MessageType.REFUSED),
    ),
    "call": _Channel(
        "{app}.tasks.{category}.{part}",
        "Call a header, a verifier or a hook",
        (MessageType.CALL,),
        answers=(MessageType.CALL_REPLY, MessageType.REFUSED),
    ),
    "trigger": _Channel(
        "{app}.tasks.triggers.{trigger}",
        "Call one of the functions that are bound to a trigger, and answer when it has ended",
        (MessageType.CALL,),
        answers=(MessageType.CALL_REPLY, MessageType.REFUSED),
    ),
    "stop": _Channel(
        SCHEDULERS_STOP,
        "Between schedulers: a task is asked to stop",
        (MessageType.STOP,),
        is_ours=False,
    ),
}


def asyncapi_document() -> Schema:
    """The document; a new one at each call, which the caller may change."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "kztasks bindings",
            "version": f"{codec.VERSION}.0.0",
            "description": "How apps offer tasks and run their rows over AMQP 0-9-1. "
            "docs/protocol.md tells it as a story.",
        },
        "defaultContentType": codec.CONTENT_TYPE,
        "servers": {
            "broker": {"host": "127.0.0.1:5672", "protocol": "amqp", "protocolVersion": "0.9.1"}
        },
        "channels": {
            **{name: _channel(name, one) for name, one in _CHANNELS.items()},
            _REPLIES: _replies(),
        },
        "operations": {
            name: _operation(name, one) for name, one in _CHANNELS.items() if one.is_ours
        },
        "components": {
            "messages": {kind.value: _message(kind) for kind in MODELS},
            "schemas": all_schemas("#/components/schemas/{model}"),
        },
    }


def document_files() -> dict[str, str]:
    """Everything that is generated, by its path below `docs/protocol`."""
    files: dict[str, Schema] = {"asyncapi.json": asyncapi_document()}
    files |= {f"schemas/{kind.value}.json": schema_of(kind) for kind in MODELS}
    return {path: to_text(content) for path, content in files.items()}


def to_text(content: Schema) -> str:
    """JSON for people, the same for the same content."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _channel(name: str, channel: _Channel) -> dict[str, Any]:
    exchange = {
        "name": BINDINGS.name,
        "type": BINDINGS.kind.value,
        "durable": BINDINGS.durable,
        "autoDelete": False,
    }
    parameters = {
        place: {"description": text}
        for place, text in _PLACES.items()
        if f"{{{place}}}" in channel.key
    }
    amqp = {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}
    content: dict[str, Any] = {
        "address": channel.key,
        "summary": channel.summary,
        "messages": _refs(channel.messages),
        "bindings": {"amqp": amqp},
    }
    if parameters:
        content["parameters"] = parameters
    if name in {"batch", "verify", "call", "trigger"}:
        content["description"] = (
            "Taken from the durable quorum queue `kztasks.app.APP`, which all instances share: "
            f"`x-delivery-limit` {DELIVERY_LIMIT}, dead letters to `{DEAD.name}`."
        )
    return content


def _replies() -> dict[str, Any]:
    kinds = dict.fromkeys(kind for one in _CHANNELS.values() for kind in one.answers)
    queue = {"durable": False, "exclusive": True, "autoDelete": True}
    return {
        "address": None,
        "summary": "Answers, through the default exchange to the queue in `reply_to`",
        "description": "With the request's `correlation_id`. `dead` comes from the scheduler that "
        f"reads the queue `{DEAD_QUEUE.name}`, in place of an answer.",
        "messages": _refs((*kinds, MessageType.DEAD)),
        "bindings": {"amqp": {"is": "queue", "queue": queue, "bindingVersion": "0.3.0"}},
    }


def _operation(name: str, channel: _Channel) -> dict[str, Any]:
    content: dict[str, Any] = {
        "action": "send" if channel.sends else "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": channel.summary,
        "messages": [{"$ref": f"#/channels/{name}/messages/{kind}"} for kind in channel.messages],
    }
    if channel.answers:
        content["reply"] = {
            "address": {"location": "$message.header#/reply_to"},
            "channel": {"$ref": f"#/channels/{_REPLIES}"},
            "messages": [
                {"$ref": f"#/channels/{_REPLIES}/messages/{kind}"} for kind in channel.answers
            ],
        }
    return content


def _refs(kinds: tuple[MessageType, ...]) -> dict[str, Any]:
    return {kind.value: {"$ref": f"#/components/messages/{kind}"} for kind in kinds}


def _message(kind: MessageType) -> dict[str, Any]:
    model = MODELS[kind]
    return {
        "name": kind.value,
        "title": model.__name__,
        "summary": (model.__doc__ or "").strip().split("\n", 1)[0],
        "contentType": codec.CONTENT_TYPE,
        "correlationId": {"location": "$message.header#/correlation_id"},
        "headers": {
            "type": "object",
            "description": "AMQP properties.",
            "properties": {
                "type": {"const": kind.value},
                "content_type": {"const": codec.CONTENT_TYPE},
                "correlation_id": {"type": "string"},
                "reply_to": {"type": "string"},
            },
            "required": ["type", "content_type"],
        },
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "bindings": {"amqp": {"messageType": kind.value, "bindingVersion": "0.3.0"}},
    }
