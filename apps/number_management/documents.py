"""A number to a document of the table and back. Pure.

Columns with a dot become nested fields (`features.cnam.inbound`), so that people can query them by
the names that they know. `e164` repeats `_id` for the index of an account's numbers, as not every
server takes `_id` into an index of several fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from apps.number_management.number import Number, State

MAX_OUTCOMES: Final = 5
"""Rows whose outcome a number's document remembers."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """A number in the table.

    `revision` grows with each change; a change names the one that it was made from. `outcomes` has
    what the last few rows made of the number, by the rows' keys.
    """

    number: Number
    revision: int
    outcomes: Mapping[str, Number] = field(default_factory=dict)


def to_document(before: Stored | None, number: Number, key: str) -> Document:
    """The document after a change.

    Args:
        before: what the change was made from, or `None` for a number that is new to the table.
        number: the number as it is to be.
        key: the key of the row that makes the change.
    """
    outcomes = {**(before.outcomes if before else {}), key: number}
    remembered = list(outcomes.items())[-MAX_OUTCOMES:]
    return {
        **_fields(number),
        "_id": number.e164,
        "e164": number.e164,
        "rev": before.revision + 1 if before else 1,
        "outcomes": [{"key": key, "number": _fields(outcome)} for key, outcome in remembered],
    }


def from_document(document: Document) -> Stored:
    """The inverse of `to_document`; a document without outcomes has none."""
    e164 = document["_id"]
    outcomes = {
        outcome["key"]: _number(e164, outcome["number"]) for outcome in document.get("outcomes", ())
    }
    return Stored(_number(e164, document), document["rev"], outcomes)


def _fields(number: Number) -> Document:
    return {
        "state": number.state.value,
        "created": number.created,
        "modified": number.modified,
        "account_id": number.account_id,
        "account_name": number.account_name,
        "previously_assigned_to": number.previously_assigned_to,
        "used_by": number.used_by,
        "ported_in": number.ported_in,
        "carrier_module": number.carrier_module,
        "features": _nested(number.features),
    }


def _number(e164: str, fields: Document) -> Number:
    return Number(
        e164=e164,
        state=State(fields["state"]),
        created=fields["created"],
        modified=fields["modified"],
        account_id=fields["account_id"],
        account_name=fields["account_name"],
        previously_assigned_to=fields["previously_assigned_to"],
        used_by=fields["used_by"],
        ported_in=bool(fields["ported_in"]),  # SQLite behind the embedded server knows 0 and 1
        carrier_module=fields["carrier_module"],
        features=dict(_flat(fields["features"])),
    )


def _nested(features: Mapping[str, str]) -> Document:
    nested: Document = {}
    for column, value in features.items():
        group, dot, name = column.partition(".")
        if dot:
            nested.setdefault(group, {})[name] = value
        else:
            nested[group] = value
    return nested


def _flat(features: Document) -> Iterator[tuple[str, str]]:
    for group, value in features.items():
        if isinstance(value, dict):
            yield from ((f"{group}.{name}", inner) for name, inner in value.items())
        else:
            yield group, value
