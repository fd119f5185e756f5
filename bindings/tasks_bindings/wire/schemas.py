"""JSON Schemas (draft 2020-12) of all messages, generated from their models.

They say what a sender has to write. Receivers are more tolerant: fields that they do not know are
ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from types import MappingProxyType
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from tasks_bindings.wire import files, messages, verification
from tasks_bindings.wire.claims import Claims
from tasks_bindings.wire.messages import MessageType, WireMessage

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

MODELS: Final[Mapping[MessageType, type[WireMessage]]] = MappingProxyType(
    {
        MessageType.HELP: messages.HelpRequest,
        MessageType.HELP_REPLY: messages.HelpReply,
        MessageType.BEAT: messages.Beat,
        MessageType.DOWN: messages.Down,
        MessageType.CLAIMS: Claims,
        MessageType.BATCH: messages.Batch,
        MessageType.BATCH_REPLY: messages.BatchReply,
        MessageType.PROGRESS: messages.Progress,
        MessageType.CANCEL: messages.Cancel,
        MessageType.STOP: messages.Stop,
        MessageType.FILE_REQUEST: files.FileRequest,
        MessageType.FILE_PART: files.FilePart,
        MessageType.FILE_STORED: files.FileStored,
        MessageType.VERIFY: verification.Verify,
        MessageType.VERIFY_REPLY: verification.VerifyReply,
        MessageType.CALL: messages.Call,
        MessageType.CALL_REPLY: messages.CallReply,
        MessageType.REFUSED: messages.Refused,
        MessageType.DEAD: messages.Dead,
    }
)
"""The model of each message by its AMQP property `type`."""


class _Untitled(GenerateJsonSchema):
    """Without titles of fields, which only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  (pydantic's)
        return False


def schema_of(kind: MessageType) -> Schema:
    """The schema of one message, whole in itself."""
    model = MODELS[kind]
    content = _tidied(model.model_json_schema(schema_generator=_Untitled))
    return {"$schema": DIALECT, "$id": f"urn:kztasks:bindings:1:{kind.value}", **_message(content)}


def all_schemas(ref_template: str) -> dict[str, Schema]:
    """The schemas of all messages and of their parts, by the names of their models.

    Args:
        ref_template: how one refers to another, such as `#/components/schemas/{model}`.
    """
    _, together = models_json_schema(
        [(model, "validation") for model in MODELS.values()],
        ref_template=ref_template,
        schema_generator=_Untitled,
    )
    names = {model.__name__ for model in MODELS.values()}
    return {
        name: _message(schema) if name in names else schema
        for name, schema in _tidied(together)["$defs"].items()
    }


def _message(schema: Schema) -> Schema:
    """A message says its version, although a receiver takes a missing one for the first."""
    return {**schema, "required": ["v", *schema.get("required", ())]}


def _tidied(schema: Any) -> Any:
    """With descriptions as one text."""
    match schema:
        case dict():
            return {
                key: cleandoc(value) if key == "description" and isinstance(value, str) else value
                for key, value in ((key, _tidied(value)) for key, value in schema.items())
            }
        case list():
            return [_tidied(item) for item in schema]
        case _:
            return schema
