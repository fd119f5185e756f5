"""The columns of a number's row, to a number and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apps.number_management.errors import NumberRefused
from apps.number_management.number import LOCAL_CARRIER, Number, State, check_e164

E164: Final = "e164"
ACCOUNT_ID: Final = "account_id"
ERROR: Final = "error"

FEATURES: Final = (
    "cnam.inbound",
    "cnam.outbound",
    "e911.locality",
    "e911.name",
    "e911.region",
    "e911.street_address",
    "e911.extended_address",
    "e911.postal_code",
    "prepend.enabled",
    "prepend.name",
    "prepend.number",
    "ringback.early",
    "ringback.transfer",
    "force_outbound",
    "failover.e164",
    "failover.sip",
)

LIST: Final = (
    E164,
    "account_name",
    ACCOUNT_ID,
    "previously_assigned_to",
    "state",
    "created",
    "modified",
    "used_by",
    "ported_in",
    "carrier_module",
    *FEATURES,
)
"""Every column, in the order in which numbers are written."""

Cells = Mapping[str, str | None]


def to_cells(number: Number) -> list[str | int | bool | None]:
    """A number as the cells of a row, in the order of `LIST`."""
    return [
        number.e164,
        number.account_name,
        number.account_id,
        number.previously_assigned_to,
        number.state.value,
        number.created,
        number.modified,
        number.used_by,
        number.ported_in,
        number.carrier_module,
        *(number.features.get(column) for column in FEATURES),
    ]


def to_row(number: Number) -> dict[str, str | int | bool | None]:
    """A number as a row by column."""
    return dict(zip(LIST, to_cells(number), strict=True))


def to_number(row: Cells, *, receiver: str, now: int) -> Number:
    """The number that a row of an import asks for.

    Args:
        row: its cells. What only the table can know (`created`, `modified`,
            `previously_assigned_to`) is not taken from them.
        receiver: the account that is to have it, unless it is imported as available.
        now: when, in Gregorian seconds.

    Raises:
        NumberRefused: its e164 or its state cannot be one.
    """
    state = _state(row.get("state"))
    available = state is State.AVAILABLE
    return Number(
        e164=check_e164(row.get(E164)),
        state=state,
        created=now,
        modified=now,
        account_id=None if available else receiver,
        account_name=None if available else row.get("account_name"),
        used_by=row.get("used_by"),
        ported_in=row.get("ported_in") == "true",
        carrier_module=row.get("carrier_module") or LOCAL_CARRIER,
        features={column: cell for column in FEATURES if (cell := row.get(column))},
    )


def _state(cell: str | None) -> State:
    try:
        return State(cell or State.IN_SERVICE)
    except ValueError:
        raise NumberRefused(f"{cell!r} is no state of a number") from None
