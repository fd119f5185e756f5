"""A telephone number, the states that it can be in, and who may handle it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from apps.number_management.errors import NumberRefused

LOCAL_CARRIER: Final = "knm_local"
"""The carrier of numbers that are imported without one."""

CARRIERS: Final = frozenset(
    {
        LOCAL_CARRIER,
        "knm_bandwidth",
        "knm_bandwidth2",
        "knm_inum",
        "knm_inventory",
        "knm_managed",
        "knm_mdn",
        "knm_other",
        "knm_reserved",
        "knm_reserved_reseller",
        "knm_simwood",
        "knm_telnyx",
        "knm_vitelity",
        "knm_voip_innovations",
        "knm_voxbone",
    }
)

_E164: Final = re.compile(r"\+[0-9]{2,15}", re.ASCII)


class State(StrEnum):
    """The states of a number, by Kazoo's names."""

    AGING = "aging"
    AVAILABLE = "available"
    DELETED = "deleted"
    DISCOVERY = "discovery"
    IN_SERVICE = "in_service"
    PORT_IN = "port_in"
    PORT_OUT = "port_out"
    RELEASED = "released"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number as it stands in the table. Times are Gregorian seconds, as in all of Kazoo."""

    e164: str
    state: State
    created: int
    modified: int
    account_id: str | None = None
    account_name: str | None = None
    previously_assigned_to: str | None = None
    used_by: str | None = None
    ported_in: bool = False
    carrier_module: str = LOCAL_CARRIER
    features: Mapping[str, str] = field(default_factory=dict)
    """What the account has set, by column (`cnam.inbound` and those after it)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a row is run."""

    account_id: str
    """The account of the task."""
    auth_account_id: str
    """The account that created the task; an ancestor of the other, or the same."""
    is_master: bool
    """Whether that account runs the whole system."""

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that the caller speaks for."""
        return frozenset({self.account_id, self.auth_account_id})

    def may_handle(self, number: Number) -> bool:
        """Whether the number is the caller's to change or to see."""
        return self.is_master or number.account_id in self.accounts

    def receiver(self, account_id: str | None) -> str:
        """The account that a row gives a number to: the one it names, else the task's.

        Raises:
            NumberRefused: it is neither of the caller's accounts, and the caller is not the master.
        """
        wanted = account_id or self.account_id
        if wanted not in self.accounts and not self.is_master:
            raise NumberRefused("only the master account may give a number to another account")
        return wanted


def check_e164(text: str | None) -> str:
    """Return `text` if it can be a number.

    Raises:
        NumberRefused: it is no plus sign with 2 to 15 digits after it (ITU-T E.164).
    """
    if text is None or _E164.fullmatch(text) is None:
        raise NumberRefused("e164 must be + and 2 to 15 digits")
    return text
