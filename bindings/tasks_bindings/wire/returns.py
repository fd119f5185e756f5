"""The shapes of what a handler returned for one row, as types and as a JSON Schema.

Returns are the bulk of the traffic, so they travel as plain mappings and are checked one by one
where they get their meaning; the schema says to others what is checked there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import JsonValue, WithJsonSchema

_SCALAR: Final[JsonValue] = {"type": ["string", "number", "boolean", "null"]}
_CELL: Final[JsonValue] = {
    "description": "A list is joined with commas; anything else is written as text.",
    "anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}],
}
_ROW: Final[JsonValue] = {
    "oneOf": [
        {"type": "array", "items": _CELL},
        {"type": "object", "additionalProperties": _CELL},
    ]
}
_ROWS: Final[JsonValue] = {
    "type": "array",
    "items": {
        "description": "What is no row is a mistake of the handler, told as it is.",
        "anyOf": [_ROW, _SCALAR],
    },
}
_TRUE: Final[JsonValue] = {"const": True}
_TEXT: Final[JsonValue] = {"type": "string"}
_CRASH: Final[JsonValue] = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "minLength": 1, "maxLength": 128},
        "message": {"type": "string", "maxLength": 65_536},
    },
}
_NEXT: Final[JsonValue] = {
    "enum": ["data", "stop"],
    "description": "`data`: the handler handed on Data. `stop`: this return counts, then the task "
    "ends. Missing: the next call is given what this one was.",
}


def _shape(title: str, key: str, value: JsonValue, **more: JsonValue) -> JsonValue:
    properties: dict[str, JsonValue] = {key: value, **more}
    return {"title": title, "type": "object", "required": [key], "properties": properties}


RETURN_SCHEMA: Final[Mapping[str, JsonValue]] = {
    "title": "Return",
    "description": "What the handler returned for one row, or why it was not called.",
    "oneOf": [
        _shape("The row succeeded; nothing is written", "ok", _TRUE, next=_NEXT),
        _shape("An error for the error column", "error", _TEXT, next=_NEXT),
        _shape("Text beside Data", "text", _TEXT, next=_NEXT),
        _shape("A row, as cells or by column", "row", _ROW, next=_NEXT),
        _shape("Several rows", "rows", _ROWS, next=_NEXT),
        _shape("A file that was produced out of band", "file", _TEXT),
        _shape("The task ends", "stop", _TRUE),
        _shape("The handler crashed", "crash", _CRASH),
        _shape(
            "Verifiers refused these columns",
            "bad_fields",
            {"type": "array", "items": _TEXT, "minItems": 1},
        ),
        _shape("None of these; the row fails", "other", {}, bare={"type": "boolean"}, next=_NEXT),
    ],
}

Return = Annotated[dict[str, Any], WithJsonSchema(dict(RETURN_SCHEMA))]
"""What the handler returned for one row; one of these shapes, with `next` beside it where said:

| shape | the seed's return |
|---|---|
| `{"ok": true}` | `ok` |
| `{"error": "text"}` | an error for the error column |
| `{"text": "text"}` | text beside `Data`: a line of a no-input task, else an error |
| `{"row": [..] or {..}}` | a row, as a list of cells or a map by column |
| `{"rows": [[..] or {..}, ..]}` | several rows |
| `{"file": "path"}` | a file that was produced out of band |
| `{"stop": true}` | `stop` |
| `{"crash": {"type", "message"}}` | the handler crashed |
| `{"bad_fields": ["a", "b"]}` | verifiers refused these columns; the handler was not called |
| `{"other": value}` | none of these; `"bare": true` where no `Data` stood beside it |

`"next": "data"` = the handler handed on `Data`; `"next": "stop"` = it returned `stop` as `Data`:
this return counts, then the task ends. The service alone gives a return its meaning.
"""
