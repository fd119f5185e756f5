"""The tasks on numbers: what each one is called, takes, writes and does.

Rows change numbers and are run in order, so these actions are not `stateless`, although none of
them hands on `Data`; only `find` changes nothing and may run its batches beside each other.
"""

from __future__ import annotations

from typing import Final

from apps.number_management import transitions
from apps.number_management.columns import (
    ACCOUNT_ID,
    E164,
    ERROR,
    LIST,
    to_cells,
    to_number,
    to_row,
)
from apps.number_management.desk import Desk, Rule
from apps.number_management.errors import NumberRefused
from apps.number_management.number import CARRIERS, Caller, Number
from apps.number_management.settings import ACCOUNT_ID_LENGTH
from tasks_bindings import (
    INIT,
    STOP,
    App,
    Category,
    Context,
    Replace,
    Row,
    Step,
    error,
    row,
    rows,
)

PAGE: Final = 1000
"""Numbers that one call of a list writes."""

NUMBER_AND_ERROR: Final = Replace([*LIST, ERROR])

numbers = Category("number_management")
app = App("number_management", numbers, version="1")
desk = Desk()
app.on_start(desk.open)
app.on_stop(desk.close)


@numbers.verifier(E164)
def e164(cell: str) -> bool:
    """A number in full begins with a plus sign."""
    return cell.startswith("+")


@numbers.verifier(ACCOUNT_ID)
def account_id(cell: str) -> bool:
    """An account's id has 32 characters."""
    return len(cell) == ACCOUNT_ID_LENGTH


@numbers.verifier("carrier_module")
def carrier_module(cell: str) -> bool:
    """One of the carriers that the system knows."""
    return cell in CARRIERS


@numbers.verifier("ported_in")
def ported_in(cell: str) -> bool:
    """`true` or `false`."""
    return cell in {"true", "false"}


@numbers.noinput_action(
    "list",
    description="List all numbers assigned to the account starting the task",
    doc="Writes one row for each number, in the order of the numbers.",
    output_header=LIST,
    data_type=str,
)
async def list_numbers(context: Context, last: object) -> object:
    """Write the next page of the account's numbers; `Data` is the last number written."""
    return await _next_page(last, account_id=context.account_id)


@numbers.noinput_action(
    "dump",
    description="List all numbers that exist in the system",
    doc="For the master account only; for any other it stops and writes nothing.",
    output_header=LIST,
    data_type=str,
)
async def dump(context: Context, last: object) -> object:
    """Write the next page of everybody's numbers, in any state."""
    if not desk.caller(context).is_master:
        return STOP
    return await _next_page(last, account_id=None)


@numbers.csv_action(
    "find",
    description="List the given numbers if the authenticated account owns them",
    doc="Writes each number that the account has; the error column tells which ones it has not.",
    mandatory=[E164],
    output_header=NUMBER_AND_ERROR,
    stateless=True,
)
async def find(context: Context, _data: object, args: Row) -> Step:
    """Look the number up."""
    try:
        number = await desk.read(context, args[E164], lambda it, who, _: transitions.found(it, who))
    except NumberRefused as refused:
        return error(str(refused))
    return row(to_row(number))


@numbers.csv_action(
    "import",
    description="Bulk-import numbers using superadmin privileges",
    doc="Adds numbers to the system: to account_id or else to the account of the task, in_service "
    "unless state says reserved (or available, for the master account). created, modified and "
    "previously_assigned_to are the system's; what they hold is not read.",
    mandatory=[E164],
    optional=[column for column in LIST if column != E164],
    output_header=NUMBER_AND_ERROR,
)
async def import_number(context: Context, _data: object, args: Row) -> Step:
    """Add the number."""

    def rule(existing: Number | None, caller: Caller, now: int) -> Number:
        receiver = caller.receiver(args[ACCOUNT_ID])
        wanted = to_number(args, receiver=receiver, now=now)
        return transitions.imported(existing, wanted, caller)

    return await _change(context, args, rule)


@numbers.csv_action(
    "assign_to",
    description="Bulk-assign numbers to the provided account",
    doc="Puts numbers in service for account_id, or else for the account of the task.",
    mandatory=[E164],
    optional=[ACCOUNT_ID],
    output_header=NUMBER_AND_ERROR,
)
async def assign_to(context: Context, _data: object, args: Row) -> Step:
    """Assign the number."""

    def rule(number: Number | None, caller: Caller, now: int) -> Number:
        return transitions.assigned(number, caller.receiver(args[ACCOUNT_ID]), caller, now)

    return await _change(context, args, rule)


@numbers.csv_action(
    "reserve",
    description="Bulk-reserve numbers",
    doc="Keeps numbers for account_id, or else for the account of the task.",
    mandatory=[E164],
    optional=[ACCOUNT_ID],
    output_header=NUMBER_AND_ERROR,
)
async def reserve(context: Context, _data: object, args: Row) -> Step:
    """Reserve the number."""

    def rule(number: Number | None, caller: Caller, now: int) -> Number:
        return transitions.reserved(number, caller.receiver(args[ACCOUNT_ID]), caller, now)

    return await _change(context, args, rule)


@numbers.csv_action(
    "release",
    description="Unassign numbers from accounts",
    doc="Gives numbers back; the account that had one can assign it to itself again.",
    mandatory=[E164],
    output_header=NUMBER_AND_ERROR,
)
async def release(context: Context, _data: object, args: Row) -> Step:
    """Release the number."""
    return await _change(context, args, transitions.released)


@numbers.csv_action(
    "delete",
    description="Bulk-remove numbers",
    doc="Takes numbers out of the system; only an import brings one back.",
    mandatory=[E164],
    output_header=NUMBER_AND_ERROR,
)
async def delete(context: Context, _data: object, args: Row) -> Step:
    """Delete the number."""
    return await _change(context, args, transitions.deleted)


async def _change(context: Context, args: Row, rule: Rule) -> Step:
    """Apply a rule to the row's number: its row, or why it cannot be."""
    try:
        number = await desk.change(context, args[E164], rule)
    except NumberRefused as refused:
        return error(str(refused))
    return row(to_row(number))


async def _next_page(last: object, *, account_id: str | None) -> object:
    after = "" if last is INIT else str(last)
    page = await desk.page(after, limit=PAGE, account_id=account_id)
    if not page:
        return STOP
    full = len(page) == PAGE
    return rows([to_cells(number) for number in page], page[-1].e164 if full else STOP)
