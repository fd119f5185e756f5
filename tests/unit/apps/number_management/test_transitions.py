"""Who may take a number from which state to which, and what changes with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from apps.number_management.errors import NumberRefused
from apps.number_management.number import Caller, Number, State, check_e164
from apps.number_management.transitions import (
    assigned,
    deleted,
    found,
    imported,
    released,
    reserved,
)
from tests.unit.apps.number_management.samples import (
    AS_MASTER,
    AS_OWNER,
    AS_PARENT,
    AS_STRANGER,
    LATER,
    NOW,
    OWNER,
    PARENT,
    STRANGER,
    number,
)

Move = Callable[[Number | None, Caller], Number]


def assign(one: Number | None, caller: Caller) -> Number:
    return assigned(one, caller.account_id, caller, LATER)


def reserve(one: Number | None, caller: Caller) -> Number:
    return reserved(one, caller.account_id, caller, LATER)


release: Move = partial(released, now=LATER)
delete: Move = partial(deleted, now=LATER)


@pytest.mark.parametrize(
    ("move", "begin", "end"),
    [
        (assign, State.RESERVED, State.IN_SERVICE),
        (assign, State.AVAILABLE, State.IN_SERVICE),
        (reserve, State.IN_SERVICE, State.RESERVED),
        (reserve, State.AVAILABLE, State.RESERVED),
        (release, State.IN_SERVICE, State.RELEASED),
        (release, State.RESERVED, State.RELEASED),
        (delete, State.IN_SERVICE, State.DELETED),
        (delete, State.RESERVED, State.DELETED),
    ],
)
def test_an_account_moves_its_numbers_and_available_ones(
    move: Move, begin: State, end: State
) -> None:
    moved = move(number(begin), AS_OWNER)
    holder = OWNER if end in {State.IN_SERVICE, State.RESERVED} else None
    assert (moved.state, moved.account_id, moved.modified) == (end, holder, LATER)


@pytest.mark.parametrize(
    ("move", "begin", "why"),
    [
        (assign, State.AGING, "the number is not available"),
        (assign, State.PORT_IN, "the number is not available"),
        (assign, State.DELETED, "there is no such number"),
        (reserve, State.DISCOVERY, "the number is not available"),
        (release, State.PORT_OUT, "a number that is port_out cannot be released"),
        (release, State.DELETED, "this account has no such number"),
        (delete, State.PORT_IN, "a number that is port_in cannot be deleted"),
        (delete, State.DELETED, "this account has no such number"),
    ],
)
def test_a_move_from_a_wrong_state_is_refused_with_the_reason(
    move: Move, begin: State, why: str
) -> None:
    with pytest.raises(NumberRefused, match=f"^{why}$"):
        move(number(begin), AS_OWNER)


@pytest.mark.parametrize("move", [assign, reserve, release, delete])
@pytest.mark.parametrize("state", [State.IN_SERVICE, State.RESERVED, State.PORT_IN])
def test_nobody_moves_the_number_of_another_account(move: Move, state: State) -> None:
    with pytest.raises(NumberRefused):
        move(number(state), AS_STRANGER)


@pytest.mark.parametrize("move", [assign, reserve, release, delete])
def test_a_number_that_does_not_exist_is_refused(move: Move) -> None:
    with pytest.raises(NumberRefused, match="no such number"):
        move(None, AS_MASTER)


@pytest.mark.parametrize(
    ("move", "state"),
    [(assign, State.IN_SERVICE), (reserve, State.RESERVED)],
)
def test_asking_for_what_is_so_already_changes_nothing(move: Move, state: State) -> None:
    assert move(number(state), AS_OWNER) == number(state)


def test_a_released_number_goes_back_to_the_account_that_had_it_and_to_nobody_else() -> None:
    free = release(number(account_name="Acme", used_by="callflow"), AS_OWNER)
    assert (free.previously_assigned_to, free.account_name, free.used_by) == (OWNER, None, None)
    with pytest.raises(NumberRefused, match="not available"):
        assign(free, AS_STRANGER)
    assert assign(free, AS_OWNER).account_id == OWNER
    assert assign(free, AS_MASTER).previously_assigned_to == OWNER


def test_the_parent_account_handles_its_descendants_numbers() -> None:
    assert release(number(), AS_PARENT).state is State.RELEASED


def test_the_master_account_handles_every_number() -> None:
    assert delete(number(State.AVAILABLE), AS_MASTER).state is State.DELETED
    assert found(number(), AS_MASTER) == number()


@pytest.mark.parametrize("one", [None, number(State.DELETED), number(account_id=STRANGER)])
def test_a_missing_a_deleted_and_somebody_elses_number_look_alike(one: Number | None) -> None:
    with pytest.raises(NumberRefused, match=r"^this account has no such number$"):
        found(one, AS_OWNER)


def test_an_import_makes_a_new_number_and_brings_back_a_deleted_one() -> None:
    gone = number(State.DELETED, previously_assigned_to=STRANGER)
    assert imported(None, number(), AS_OWNER) == number()
    assert imported(gone, number(), AS_OWNER).previously_assigned_to == STRANGER


@pytest.mark.parametrize(
    ("existing", "wanted", "why"),
    [
        (number(), number(), "exists already"),
        (number(State.RELEASED), number(), "exists already"),
        (None, number(State.PORT_IN), "cannot be imported as port_in"),
        (None, number(State.AVAILABLE), "only the master account"),
    ],
)
def test_an_import_is_refused_with_the_reason(
    existing: Number | None, wanted: Number, why: str
) -> None:
    with pytest.raises(NumberRefused, match=why):
        imported(existing, wanted, AS_OWNER)


def test_only_the_master_account_gives_numbers_to_accounts_that_are_not_its_own() -> None:
    assert AS_OWNER.receiver(None) == OWNER
    assert AS_PARENT.receiver(PARENT) == PARENT
    assert AS_MASTER.receiver(STRANGER) == STRANGER
    with pytest.raises(NumberRefused, match="only the master account"):
        AS_OWNER.receiver(STRANGER)


@pytest.mark.parametrize("text", ["+14155550100", "+44", "+123456789012345"])
def test_a_plus_sign_and_2_to_15_digits_are_a_number(text: str) -> None:
    assert check_e164(text) == text


@pytest.mark.parametrize(
    "text",
    [None, "", "+", "+1", "14155550100", "+1234567890123456", "+1415555010O", "+12\n", "+٣٤٥"],
)
def test_anything_else_is_refused(text: str | None) -> None:
    with pytest.raises(NumberRefused, match="e164"):
        check_e164(text)


def test_times_of_an_unchanged_number_stay() -> None:
    assert assign(number(), AS_OWNER).modified == NOW
