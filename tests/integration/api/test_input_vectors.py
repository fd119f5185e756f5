"""What Kazoo's own code says of 65 inputs, recorded from the original, asked over HTTP.

Where the answer here differs, `departure` names the rule and says what is expected instead.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kztasks.api.errors import BAD_SHAPE, BAD_SYNTAX
from tasks_bindings.wire.messages import Metadata
from tests.integration.api.kit import NOTHING, Front

pytestmark = pytest.mark.store

Vector = dict[str, Any]
Answer = tuple[int, Any]

VECTORS: list[Vector] = json.loads((Path(__file__).parent / "data/input_errors.json").read_text())

SHAPE: Answer = (400, BAD_SHAPE)
SYNTAX: Answer = (400, BAD_SYNTAX)
ACCEPTED: Answer = (201, None)

DEPARTURES: dict[str, Answer] = {
    # Crossbar itself refuses these before the recorded code sees them.
    "ragged_no_mandatory": SHAPE,
    "optional_only": SHAPE,
    # The original crashes.
    "unterminated": SYNTAX,
    "only_newline": SHAPE,
    # RFC 4180: a byte order mark is no part of the first name, a blank line no end of the file.
    "bom": ACCEPTED,
    "blank_middle": SYNTAX,
    # Records without a single key have no columns.
    "records_empty_object": SHAPE,
    # A column that is named twice in the metadata is there once it is there.
    "dup_mandatory": ACCEPTED,
}


def metadata_of(vector: Vector) -> Metadata | None:
    """The action's metadata; `None` if no app could have registered it."""
    given = vector["input"]
    content = given.get("expected_content")
    mandatory, optional = given.get("mandatory", []), given.get("optional", [])
    if content in {None, "", "none"}:
        if mandatory:
            return None
        content = None
    try:
        return Metadata(
            description="d", expected_content=content, mandatory=mandatory, optional=optional
        )
    except ValidationError:
        return None


def expected(vector: Vector) -> Answer:
    name, result = vector["name"], vector["result"]
    if name in DEPARTURES:
        return DEPARTURES[name]
    if "ok" in result:
        shown = result["ok"]
        return 201, {key: shown.get(key) for key in ("total_count", "file_name", "status")}
    if "error" in result:
        return 404, [result["error"]]
    return 400, result["input_errors"]


def answer_of(response: Any, *, wanted: Answer) -> Answer:
    content = response.json()
    if response.status_code == 201:
        shown = content["data"]["_read_only"]
        keys = ("total_count", "file_name", "status")
        return 201, None if wanted[1] is None else {key: shown.get(key) for key in keys}
    data = content["data"]
    if "csv" in data:
        data = data["csv"]["format"]["message"]
    return response.status_code, data


REGISTRABLE = [vector for vector in VECTORS if metadata_of(vector) is not None]


def test_most_vectors_can_be_asked() -> None:
    assert len(REGISTRABLE) >= 45
    assert {vector["name"] for vector in REGISTRABLE} >= DEPARTURES.keys()


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in REGISTRABLE])
async def test_an_input_gets_the_originals_answer(front: Front, vector: Vector) -> None:
    metadata = metadata_of(vector)
    assert metadata is not None
    front.scheduler.help = {"oracle": {"act": metadata}}
    given = vector["input"]
    body, content_type = b"", "text/csv"
    if isinstance(given["input"], str):
        body = given["input"].encode()
    elif given["input"] is not None:
        body = json.dumps({"data": {"records": given["input"]}}).encode()
        content_type = "application/json"
    wanted = expected(vector)

    response = await front.put(
        body,
        content_type,
        category=given.get("category", "oracle"),
        action=given.get("action", "act"),
        file_name=given.get("csv_name", ""),
    )

    assert answer_of(response, wanted=wanted) == wanted
    if wanted[0] != 201:
        assert await front.stored() == NOTHING
