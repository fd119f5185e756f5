"""Decides, row by row, whether the handler may see it: mandatory values and verifiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from tasks_bindings.invoke import CRASHES
from tasks_bindings.sdk.actions import Action
from tasks_bindings.sdk.category import Category
from tasks_bindings.wire.messages import Cell
from tasks_bindings.wire.verification import Rule

_log = structlog.get_logger(__name__)


class BadField(NamedTuple):
    """A cell that fails its row, and why."""

    column: str
    value: Cell
    rule: Rule


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules of an action for an input with certain columns."""

    columns: tuple[str, ...]
    checks: tuple[tuple[int, str, bool, Callable[[str], Any] | None], ...]
    """(index, column, mandatory, verifier) in the order of the header, where there is a rule."""
    missing: tuple[str, ...]
    """Mandatory columns that the input does not have at all."""
    absent: dict[str, None]
    """Columns that the action knows and the input lacks; undefined in every row."""

    @classmethod
    def of(cls, action: Action, category: Category, columns: tuple[str, ...]) -> Guard:
        """The rules of an action for an input with these columns."""
        metadata, known = action.metadata, set(columns)
        mandatory = frozenset(metadata.mandatory)
        checks = tuple(
            (index, column, column in mandatory, category.verifiers.get(column))
            for index, column in enumerate(columns)
            if column in mandatory or column in category.verifiers
        )
        return cls(
            columns,
            checks,
            tuple(column for column in metadata.mandatory if column not in known),
            dict.fromkeys(column for column in metadata.columns if column not in known),
        )

    def bad_fields(self, row: list[Cell]) -> list[BadField]:
        """Cells that fail: mandatory ones without a value, and those whose verifier refuses.

        Batches and dry runs both ask here, so that they cannot differ.
        """
        bad = [
            BadField(column, cell, rule)
            for index, column, mandatory, verifier in self.checks
            if (rule := _broken(verifier, (cell := row[index]), mandatory=mandatory)) is not None
        ]
        if self.missing:
            bad += [BadField(column, None, Rule.MANDATORY) for column in self.missing]
        return bad


def _broken(verifier: Callable[[str], Any] | None, cell: Cell, *, mandatory: bool) -> Rule | None:
    if cell is None:
        return Rule.MANDATORY if mandatory else None
    if verifier is None:
        return None
    try:
        return None if verifier(cell) else Rule.VERIFIER
    except CRASHES:  # seed, "Verifier/1": a crash counts as false
        _log.warning("verifier_crashed", verifier=repr(verifier), exc_info=True)
        return Rule.VERIFIER_CRASHED
