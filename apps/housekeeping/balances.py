"""When an account is warned that its balance is low. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Account:
    """What a warning needs of an account's document, in the original's names.

    Args:
        id: of the account.
        name: for people.
        balance: in the currency of the system; `None` if it has none.
        threshold: `notifications.low_balance.threshold`; `None` if it has none of its own.
        wants_warnings: neither deleted nor disabled, and `notifications.low_balance.enabled` is not
            false.
    """

    id: str
    name: str
    balance: float | None
    threshold: float | None
    wants_warnings: bool

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Account:
        """From a document, whatever people have put into it."""
        notice = _mapping(_mapping(document.get("notifications")).get("low_balance"))
        is_active = not document.get("pvt_deleted") and document.get("pvt_enabled", True)
        return cls(
            id=str(document["_id"]),
            name=str(document.get("name", "")),
            balance=_number(document.get("balance")),
            threshold=_number(notice.get("threshold")),
            wants_warnings=bool(is_active) and bool(notice.get("enabled", True)),
        )

    def is_low(self, threshold: float) -> bool:
        """Whether the balance is below its own threshold, or else the given one."""
        own = self.threshold if self.threshold is not None else threshold
        return self.wants_warnings and self.balance is not None and self.balance < own


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning.

    Args:
        account_id: who is warned.
        name: of the account.
        balance: at the last warning.
        at: when that was, Gregorian seconds.
        first: when the balance was found low first, Gregorian seconds.
        times: how often it was warned of since.
    """

    account_id: str
    name: str
    balance: float
    at: int
    first: int
    times: int = 1

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Warned:
        """From its document."""
        fields = {name: value for name, value in document.items() if name != "_id"}
        return cls(account_id=document["_id"], **fields)

    def fields(self) -> dict[str, Any]:
        """Its document without `_id`."""
        return {
            "name": self.name,
            "balance": self.balance,
            "at": self.at,
            "first": self.first,
            "times": self.times,
        }


def next_warning(
    account: Account, before: Warned | None, *, now: int, repeat_s: float
) -> Warned | None:
    """The warning that an account whose balance is low gets now, if it gets one.

    Args:
        account: its balance is low.
        before: the warning that it has.
        now: Gregorian seconds.
        repeat_s: a warning is repeated after so many seconds.
    """
    balance = account.balance or 0.0
    if before is None:
        return Warned(account.id, account.name, balance, at=now, first=now)
    if now - before.at < repeat_s:
        return None
    return replace(before, name=account.name, balance=balance, at=now, times=before.times + 1)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]  # narrowed above
