"""Accounts, callers and numbers for the tests of the numbers app."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from apps.number_management.number import Caller, Number, State

OWNER = "a" * 32
PARENT = "b" * 32
STRANGER = "c" * 32
MASTER = "d" * 32

AS_OWNER = Caller(OWNER, OWNER, is_master=False)
AS_PARENT = Caller(OWNER, PARENT, is_master=False)
AS_STRANGER = Caller(STRANGER, STRANGER, is_master=False)
AS_MASTER = Caller(MASTER, MASTER, is_master=True)

NOW = 63_900_000_000
LATER = NOW + 60


def number(state: State = State.IN_SERVICE, **changes: Any) -> Number:
    held = state in {State.IN_SERVICE, State.RESERVED, State.PORT_IN, State.PORT_OUT}
    one = Number(
        e164="+14155550100",
        state=state,
        created=NOW,
        modified=NOW,
        account_id=OWNER if held else None,
    )
    return replace(one, **changes)
