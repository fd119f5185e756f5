"""Rows that are only verified: the answer of a dry run, before anything is stored or run."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tasks_bindings.errors import DecodeError
from tasks_bindings.wire.messages import AppIdentity, Cell, WireMessage, Word

MAX_VALUE_CHARS: Final = 200
"""As much of a cell is shown; a longer one ends with an ellipsis."""
MOST_FAILURES: Final = 1000
"""So many cells one reply may describe; with names and values cut, they fit into a message."""
WORK_MS: Final = 250
"""How long an app verifies before it answers, unless the request says; batches wait meanwhile."""


class Rule(StrEnum):
    """Why a cell fails its row (seed, "Verifier/1")."""

    MANDATORY = "mandatory"
    """A mandatory column has no value in the row."""
    VERIFIER = "verifier"
    """The column's verifier said false."""
    VERIFIER_CRASHED = "verifier_crashed"
    """It raised, which counts as false."""


class Verify(WireMessage):
    """Say which of these rows would fail before the handler is called, and do nothing else.

    To an app whose `help_reply` says `verifies`, under the key of the action's batches.
    """

    category: Word
    action: Word
    columns: tuple[str, ...]
    rows: list[list[Cell]] = Field(min_length=1)
    first_row: int = Field(ge=1)
    """1-based number of the first of these rows in the input."""
    max_failures: int = Field(default=100, ge=0, le=MOST_FAILURES)
    """Describe so many failing cells at most, those of the first rows; count all."""
    work_ms: int = Field(default=WORK_MS, ge=1)
    """After this long the app answers with what it has verified; the rest is sent again."""


class CellFailure(BaseModel):
    """A cell that fails its row."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    row: int = Field(ge=1)
    """1-based number of the row in the input."""
    column: Word
    value: Annotated[str, StringConstraints(max_length=MAX_VALUE_CHARS)] | None = None
    """What stands in the cell, cut; missing where nothing does."""
    rule: Word
    """`mandatory`, `verifier`, `verifier_crashed`, or the app's own word."""
    message: Annotated[str, StringConstraints(max_length=500)] = ""
    """A sentence for people."""


class VerifyReply(WireMessage):
    """Which of the rows fail, and for which cells."""

    app: AppIdentity
    rows: int = Field(ge=1)
    """So many were verified, the first ones; fewer than asked for when the time was up."""
    failed_rows: int = Field(ge=0)
    failed_cells: int = Field(ge=0)
    failures: tuple[CellFailure, ...] = ()
    """The first of the failing cells, by row, within a row in the order of the header."""


def check_reply(reply: VerifyReply, request: Verify) -> VerifyReply:
    """Return `reply` if it can be the answer to `request`; an app is not trusted to count.

    Raises:
        DecodeError: it speaks of rows that were not sent, or its numbers contradict each other.
    """
    numbers = [failure.row for failure in reply.failures]
    cells = reply.failed_cells
    shown = min(cells, request.max_failures)
    last = request.first_row + reply.rows - 1
    is_sound = (
        reply.rows <= len(request.rows)
        and reply.failed_rows <= min(reply.rows, cells)
        and (reply.failed_rows > 0) == (cells > 0)
        and len(numbers) == shown
        and len(set(numbers)) <= reply.failed_rows
        and numbers == sorted(numbers)
        and all(request.first_row <= number <= last for number in numbers)
    )
    if not is_sound:
        raise DecodeError("VerifyReply: it does not fit the rows that were sent")
    return reply
