"""Numbers as rows of a CSV and as documents of the table."""

from __future__ import annotations

import pytest

from apps.number_management.columns import FEATURES, LIST, to_cells, to_number, to_row
from apps.number_management.documents import MAX_OUTCOMES, Stored, from_document, to_document
from apps.number_management.errors import NumberRefused
from apps.number_management.number import State
from tests.unit.apps.number_management.samples import LATER, NOW, OWNER, PARENT, number

FULL = number(
    account_name="Acme",
    previously_assigned_to=PARENT,
    used_by="callflow",
    ported_in=True,
    carrier_module="knm_other",
    features={column: f"value of {column}" for column in FEATURES},
)


def test_the_columns_are_those_of_kazoo_in_its_order() -> None:
    assert LIST == (
        "e164", "account_name", "account_id", "previously_assigned_to", "state", "created",
        "modified", "used_by", "ported_in", "carrier_module", "cnam.inbound", "cnam.outbound",
        "e911.locality", "e911.name", "e911.region", "e911.street_address",
        "e911.extended_address", "e911.postal_code", "prepend.enabled", "prepend.name",
        "prepend.number", "ringback.early", "ringback.transfer", "force_outbound",
        "failover.e164", "failover.sip",
    )  # fmt: skip


def test_a_number_fills_every_column() -> None:
    assert len(to_cells(FULL)) == len(LIST)
    assert None not in to_cells(FULL)


def test_what_was_written_can_be_imported_again() -> None:
    row = {column: None if cell is None else str(cell) for column, cell in to_row(FULL).items()}
    row["ported_in"] = "true"
    again = to_number(row, receiver=OWNER, now=NOW)
    assert to_cells(again) == [
        None if column == "previously_assigned_to" else cell
        for column, cell in to_row(FULL).items()
    ]


def test_an_import_with_a_number_alone_is_in_service_at_the_local_carrier() -> None:
    assert to_number({"e164": "+14155550100"}, receiver=OWNER, now=NOW) == number()


def test_an_available_number_belongs_to_nobody() -> None:
    row = {"e164": "+14155550100", "state": "available", "account_name": "Acme"}
    assert to_number(row, receiver=OWNER, now=NOW) == number(State.AVAILABLE)


def test_a_state_that_does_not_exist_is_refused() -> None:
    with pytest.raises(NumberRefused, match="'lost' is no state of a number"):
        to_number({"e164": "+14155550100", "state": "lost"}, receiver=OWNER, now=NOW)


def test_a_number_comes_back_from_its_document_as_it_was() -> None:
    stored = from_document(to_document(None, FULL, "task:1"))
    assert stored == Stored(FULL, 1, {"task:1": FULL})


def test_columns_with_a_dot_are_nested_fields_that_people_can_query() -> None:
    assert to_document(None, FULL, "task:1")["features"]["cnam"]["inbound"] == (
        "value of cnam.inbound"
    )


def test_a_document_remembers_the_outcomes_of_the_last_rows_only() -> None:
    stored: Stored | None = None
    for row in range(MAX_OUTCOMES + 2):
        change = number(modified=NOW + row)
        stored = from_document(to_document(stored, change, f"task:{row}"))
    assert stored is not None
    assert stored.revision == MAX_OUTCOMES + 2
    assert list(stored.outcomes) == [f"task:{row}" for row in range(2, MAX_OUTCOMES + 2)]
    assert stored.outcomes["task:2"].modified == NOW + 2


def test_a_document_without_outcomes_is_read_too() -> None:
    document = to_document(None, number(modified=LATER), "task:1")
    del document["outcomes"]
    assert from_document(document) == Stored(number(modified=LATER), 1, {})
