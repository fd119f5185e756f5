"""What Kazoo's own CSV module does with 131 inputs and 24 rows, recorded from the original.

Where our dialect departs from it, the expectation is the reference reading's, and the departure is
one that `reference.Departure` names and finds in the input itself.

A text that is not UTF-8 is recorded as `{"bytes": hex}`, and a crash as `{"crash": .., "in": ..}`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kztasks.csvio import (
    EmptyHeaderCell,
    EmptyInput,
    Malformed,
    NoRows,
    RaggedRow,
    cell_text,
    encode_row,
    encode_rows,
)
from tests.unit.csvio.reference import read_by_reference
from tests.unit.csvio.support import Outcome, read

Vector = dict[str, Any]
DATA = Path(__file__).parent / "data"


def load(name: str) -> list[Any]:
    vectors = json.loads((DATA / name).read_text())
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def csv_of(vector: Vector) -> bytes:
    text = vector["csv"]
    return text.encode() if isinstance(text, str) else bytes.fromhex(text["bytes"])


def refusal_of(vector: Vector) -> type | None:
    """Why the original refuses an input, told from the rows that it saw."""
    crashed = isinstance(vector["rows"], dict)
    header, *rows = (vector["rows"]["rows_before"] if crashed else vector["rows"]) or [None]
    if header is None:
        return Malformed if crashed else EmptyInput
    if not all(header):
        return EmptyHeaderCell
    if any(len(row) != len(header) for row in rows):
        return RaggedRow
    if crashed:
        return Malformed
    return None if rows else NoRows


@pytest.mark.parametrize("vector", load("csv.json"))
def test_an_input_is_read_or_refused_as_by_kazoo_or_as_a_named_departure_says(
    vector: Vector,
) -> None:
    csv = csv_of(vector)
    outcome = read([csv])
    reference = read_by_reference(csv)

    if reference.departures:
        assert (outcome.names, outcome.rows) == (reference.names, reference.rows)
        assert outcome.fault == reference.fault
        return
    refusal = refusal_of(vector)
    assert (refusal is None) == (isinstance(vector["count_rows"], int) and vector["count_rows"] > 0)
    if refusal is None:
        assert_read_as_recorded(vector, csv, outcome)
    else:
        assert outcome.fault is not None
        assert issubclass(outcome.fault.kind, refusal)


def assert_read_as_recorded(vector: Vector, csv: bytes, outcome: Outcome) -> None:
    header, *rows = vector["rows"]
    mapped = [dict(zip(header, row, strict=True)) for row in outcome.rows]
    _, rest = vector["take_row"]

    assert outcome.fault is None
    assert (outcome.names, outcome.rows) == (header, rows)
    assert len(outcome.rows) == vector["count_rows"]
    assert [[*map(list, sorted(row.items()))] for row in mapped] == vector["mapped_rows"]
    assert csv[outcome.header_size :] == rest.encode()


@pytest.mark.parametrize(
    "vector",
    [param for param in load("csv.json") if isinstance(param.values[0]["reserialised"], str)],
)
def test_rows_are_written_as_by_kazoo(vector: Vector) -> None:
    assert encode_rows(vector["rows"]) == vector["reserialised"].encode()


class NotJson:
    """An Erlang map: a term, but no JSON value."""


def json_value(term: Any) -> Any:
    """The JSON value that an Erlang term stands for: an atom is a string, `{[..]}` an object."""
    match term:
        case {"atom": name}:
            return name
        case {"map": _}:
            return NotJson()
        case {"tuple": [pairs]}:
            return {pair["tuple"][0]: json_value(pair["tuple"][1]) for pair in pairs}
        case list():
            return [json_value(item) for item in term]
        case _:
            return term


def with_texts_in_lists(term: Any) -> Any:
    """The departure for lists: their numbers and atoms are texts.

    In Erlang a number in a list is a byte, if anything, and an atom cannot be in one.
    """
    return [text_in_list(item) for item in term] if isinstance(term, list) else term


def text_in_list(item: Any) -> Any:
    match item:
        case {"atom": name}:
            return name
        case int() | float() if not isinstance(item, bool):
            return cell_text(item)
        case list():
            return with_texts_in_lists(item)
        case _:
            return item


@pytest.mark.parametrize("vector", load("csv_serialise.json"))
def test_json_values_are_written_as_by_kazoo_or_as_a_named_departure_says(vector: Vector) -> None:
    departed = [with_texts_in_lists(term) for term in vector["row"]]
    expected = encode_row([cell_text(json_value(term)) for term in departed])
    if departed == vector["row"]:
        expected = vector["text"].encode()

    assert encode_row([cell_text(json_value(term)) for term in vector["row"]]) == expected
