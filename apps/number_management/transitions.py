"""From one state of a number to the next: who may do it, from where, and what changes. Pure.

| action | from | to |
|---|---|---|
| `import` | no number, `deleted` | `in_service`, `reserved`; for the master account `available` |
| `assign_to` | one's own, `available`, `released` by oneself | `in_service` |
| `reserve` | one's own, `available`, `released` by oneself | `reserved` |
| `release` | one's own `in_service` or `reserved` | `released` |
| `delete` | one's own | `deleted` |

The master account handles every account's numbers as its own. Asking for what is so already changes
nothing and is no error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from apps.number_management.errors import NumberRefused
from apps.number_management.number import Caller, Number, State

_IMPORTABLE: Final = frozenset({State.AVAILABLE, State.IN_SERVICE, State.RESERVED})
_HELD: Final = frozenset({State.IN_SERVICE, State.RESERVED})
_ON_THE_WAY: Final = frozenset({State.DISCOVERY, State.PORT_IN, State.PORT_OUT})


def found(number: Number | None, caller: Caller) -> Number:
    """The number, if it exists and is the caller's.

    Raises:
        NumberRefused: it is not; nobody learns here what others have.
    """
    if number is None or number.state is State.DELETED or not caller.may_handle(number):
        raise NumberRefused("this account has no such number")
    return number


def imported(existing: Number | None, wanted: Number, caller: Caller) -> Number:
    """A new number, or a deleted one brought back.

    Raises:
        NumberRefused: it exists, cannot begin in this state, or is not the caller's to give.
    """
    if wanted.state not in _IMPORTABLE:
        names = ", ".join(sorted(_IMPORTABLE))
        raise NumberRefused(f"a number cannot be imported as {wanted.state}, only as {names}")
    if wanted.state is State.AVAILABLE and not caller.is_master:
        raise NumberRefused("only the master account may import a number that nobody has")
    if existing is None:
        return wanted
    if existing.state is not State.DELETED:
        raise NumberRefused("the number exists already")
    return replace(wanted, previously_assigned_to=existing.previously_assigned_to)


def assigned(number: Number | None, receiver: str, caller: Caller, now: int) -> Number:
    """In service for the receiver.

    Raises:
        NumberRefused: the caller cannot have the number.
    """
    return _held_by(receiver, State.IN_SERVICE, _takeable(number, caller), now)


def reserved(number: Number | None, receiver: str, caller: Caller, now: int) -> Number:
    """Kept for the receiver.

    Raises:
        NumberRefused: the caller cannot have the number.
    """
    return _held_by(receiver, State.RESERVED, _takeable(number, caller), now)


def released(number: Number | None, caller: Caller, now: int) -> Number:
    """Nobody's any more; the account that had it can take it back.

    Raises:
        NumberRefused: it is not the caller's, or is in no state to be given up.
    """
    mine = found(number, caller)
    if mine.state is State.RELEASED:
        return mine
    if mine.state not in _HELD:
        raise NumberRefused(f"a number that is {mine.state} cannot be released")
    return _held_by(None, State.RELEASED, mine, now)


def deleted(number: Number | None, caller: Caller, now: int) -> Number:
    """Gone; only an import brings it back.

    Raises:
        NumberRefused: it is not the caller's, or is being ported.
    """
    mine = found(number, caller)
    if mine.state in _ON_THE_WAY:
        raise NumberRefused(f"a number that is {mine.state} cannot be deleted")
    return _held_by(None, State.DELETED, mine, now)


def _takeable(number: Number | None, caller: Caller) -> Number:
    """The number, if the caller may have it or has it already."""
    if number is None or number.state is State.DELETED:
        raise NumberRefused("there is no such number")
    own = number.state in _HELD and caller.may_handle(number)
    returned = number.state is State.RELEASED and (
        caller.is_master or number.previously_assigned_to in caller.accounts
    )
    if own or returned or number.state is State.AVAILABLE:
        return number
    raise NumberRefused("the number is not available")


def _held_by(account_id: str | None, state: State, number: Number, now: int) -> Number:
    if (number.account_id, number.state) == (account_id, state):
        return number
    moved = replace(number, state=state, account_id=account_id, modified=now)
    if account_id == number.account_id:
        return moved
    return replace(
        moved,
        previously_assigned_to=number.account_id or number.previously_assigned_to,
        account_name=None,
        used_by=None,
    )
