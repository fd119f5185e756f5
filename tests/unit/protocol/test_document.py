"""What others generate their code from is what this code speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tasks_bindings.wire.asyncapi import asyncapi_document, document_files
from tasks_bindings.wire.messages import MessageType
from tasks_bindings.wire.schemas import MODELS, schema_of

FOLDER = Path(__file__).parents[3] / "docs" / "protocol"

GOOD: list[dict[str, Any]] = [
    {"ok": True},
    {"ok": True, "next": "data"},
    {"error": "too short"},
    {"text": "line", "next": "stop"},
    {"row": ["a", 1, None, True, ["x", "y"]]},
    {"row": {"Col1": "a"}, "next": "data"},
    {"rows": [["a"], {"x": "b"}, "c"]},
    {"file": "dump.csv"},
    {"stop": True},
    {"crash": {"type": "TypeError", "message": "no"}},
    {"bad_fields": ["a", "b"]},
    {"other": 3, "bare": True},
    {"ok": True, "a_later_field": 1},
]
BAD: list[Any] = [
    {},
    {"ok": False},
    {"error": 7},
    {"row": "text"},
    {"rows": "text"},
    {"rows": [[["x"], {}]]},
    {"row": [{"nested": 1}]},
    {"crash": "boom"},
    {"bad_fields": []},
    {"stop": True, "ok": True},
    {"ok": True, "next": "sometimes"},
    "ok",
]


def test_the_committed_documents_are_what_the_models_say() -> None:
    """After a change of the models: `kztasks asyncapi --folder docs/protocol`."""
    committed = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in FOLDER.rglob("*.json")
    }
    assert committed == document_files()


def test_every_type_of_message_has_a_model() -> None:
    assert set(MODELS) == set(MessageType)


@pytest.mark.parametrize("kind", MessageType)
def test_each_schema_is_one_of_the_draft_that_it_names(kind: MessageType) -> None:
    Draft202012Validator.check_schema(schema_of(kind))
    assert "v" in schema_of(kind)["required"]


def test_every_reference_in_the_document_leads_somewhere() -> None:
    document = asyncapi_document()

    def references(part: Any) -> list[str]:
        match part:
            case {"$ref": str(reference), **others}:
                return [reference, *references(others)]
            case dict():
                return [one for value in part.values() for one in references(value)]
            case list():
                return [one for value in part for one in references(value)]
            case _:
                return []

    found = references(document)
    assert len(found) > len(MessageType)
    for reference in found:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def validator_of_returns() -> Draft202012Validator:
    return Draft202012Validator(schema_of(MessageType.BATCH_REPLY)["properties"]["returns"])


@pytest.mark.parametrize("returned", GOOD, ids=json.dumps)
def test_each_return_of_the_list_fits_exactly_one_shape(returned: dict[str, Any]) -> None:
    validator_of_returns().validate([returned])


@pytest.mark.parametrize("returned", BAD, ids=json.dumps)
def test_what_is_no_return_fits_no_shape(returned: object) -> None:
    assert not validator_of_returns().is_valid([returned])
