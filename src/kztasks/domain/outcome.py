"""What a return means: lines to write, rows counted, and whether the task goes on.

This is the only place that knows (seed, "Return values"). It is pure and the same for an app in any
language, as apps send what their handlers returned and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from kztasks.csvio import Cell, Row, cell_text
from kztasks.domain.header import ERROR_COLUMN, OutputHeader

CRASHED: Final = "applier crashed"
"""What the output says of a row whose handler crashed; the exception itself is in the log."""


class End(StrEnum):
    """Why a return ends the task."""

    STOP = "stop"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one return does. `lines` are rows of `out.csv`, in order."""

    lines: tuple[Row, ...] = ()
    failed: int = 0
    succeeded: int = 0
    end: End | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything about a task that the meaning of its returns depends on.

    Args:
        header: the header of `out.csv`.
        input_columns: the header of `in.csv`; `None` for a task without input.
        ends_on_crash: whether a crash ends the task.
    """

    header: OutputHeader
    input_columns: tuple[str, ...] | None
    ends_on_crash: bool = True
    carried_from: tuple[int, ...] | None = field(init=False)
    """Index in the input of each carried column, or `None` where the row is carried as it is."""

    def __post_init__(self) -> None:
        columns, carried = self.input_columns or (), self.header.carried
        places = {column: index for index, column in enumerate(columns)}
        picked = tuple(places.get(column, -1) for column in carried)
        as_it_is = carried == columns
        object.__setattr__(self, "carried_from", None if as_it_is else picked)

    @property
    def is_noinput(self) -> bool:
        """Whether the task has no input."""
        return self.input_columns is None

    def carried_cells(self, row: Row) -> Row:
        """The cells of an input row that stand before the added columns."""
        if self.carried_from is None:
            return list(row)
        return [row[index] if index >= 0 else None for index in self.carried_from]

    def by_name(self, row: Row) -> dict[str, Cell]:
        """An input row by column; of two columns with one name the last counts."""
        return dict(zip(self.input_columns or (), row, strict=True))


def interpret(returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    """The meaning of one return.

    Args:
        returned: one of the shapes of `tasks_bindings.wire.messages.Return`; whatever else an app
            may send counts as a failed row that says so.
        rules: of the task.
        row: the input row that was run; empty for a task without input.
    """
    outcome = _meaning(returned, rules, row)
    if returned.get("next") == "stop" and outcome.end is None:
        return Outcome(outcome.lines, outcome.failed, outcome.succeeded, End.STOP, outcome.file)
    return outcome


def _meaning(  # noqa: C901, PLR0911  (the seed's list, one case each)
    returned: Mapping[str, Any], rules: Rules, row: Row
) -> Outcome:
    match returned:
        case {"row": dict() | list() as cells}:
            return _one_row(cells, rules, row)
        case {"ok": True}:
            counts = not (rules.is_noinput and "next" in returned)
            return Outcome(succeeded=int(counts))
        case {"error": str(text)}:
            return _failure(text, rules, row)
        case {"bad_fields": list(columns)}:
            return _failure(f"bad field(s) {' '.join(map(str, columns))}", rules, row)
        case {"text": str(text)}:
            if rules.is_noinput:
                return Outcome(lines=([text],), succeeded=1)
            return _failure(text, rules, row)
        case {"rows": list(many)}:
            return _many_rows(many, rules, row)
        case {"stop": True}:
            return Outcome(end=End.STOP)
        case {"crash": _}:
            end = End.CRASH if rules.ends_on_crash else None
            return _failure(CRASHED, rules, row, end)
        case {"file": str(path)} if rules.is_noinput:
            return Outcome(end=End.STOP, file=path)
        case _:
            shapes = ", ".join(sorted(map(str, returned))) or "nothing"
            return _failure(f"unknown return: {shapes[:100]}", rules, row)


def _one_row(cells: dict[str, Any] | list[Any], rules: Rules, row: Row) -> Outcome:
    line = _line(cells, rules, row)
    if isinstance(cells, dict) and not rules.is_noinput:
        reason = cells.get(ERROR_COLUMN)
        if isinstance(reason, str) and reason:
            return Outcome(lines=(line,), failed=1)
    return Outcome(lines=(line,), succeeded=1)


def _many_rows(many: list[Any], rules: Rules, row: Row) -> Outcome:
    lines = []
    for cells in many:
        if not isinstance(cells, list | dict):
            return _failure("unknown return: a row must be a list or a map of cells", rules, row)
        lines.append(_line(cells, rules, row))
    return Outcome(lines=tuple(lines), succeeded=len(lines))


def _line(cells: dict[str, Any] | list[Any], rules: Rules, row: Row) -> Row:
    header = rules.header
    if isinstance(cells, dict):
        named = {} if header.replaced or rules.is_noinput else rules.by_name(row)
        named.update((column, _text(value)) for column, value in cells.items())
        return [named.get(column) for column in header.columns]
    texts = [_text(value) for value in cells]
    if rules.is_noinput:
        return _padded(texts, len(header.columns))
    if header.replaced:
        return _with_reason(",".join(text or "" for text in texts), rules, row)
    return _padded(rules.carried_cells(row) + texts, len(header.columns))


def _failure(text: str, rules: Rules, row: Row, end: End | None = None) -> Outcome:
    return Outcome(lines=(_with_reason(text, rules, row),), failed=1, end=end)


def _with_reason(text: str, rules: Rules, row: Row) -> Row:
    """The input row with a reason in its error column, or where the header has a place for it."""
    header, reason = rules.header, text or None
    if rules.is_noinput:
        if ERROR_COLUMN not in header.columns:
            return [reason]
        return [reason if column == ERROR_COLUMN else None for column in header.columns]
    if header.replaced:
        named = rules.by_name(row)
        named[ERROR_COLUMN] = reason
        return [named.get(column) for column in header.columns]
    added: Row = [None] * max(1, len(header.added))
    place = header.added.index(ERROR_COLUMN) if ERROR_COLUMN in header.added else 0
    added[place] = reason
    return rules.carried_cells(row) + added


def _padded(cells: Row, width: int) -> Row:
    return cells + [None] * (width - len(cells))


def _text(value: object) -> Cell:
    return value if value is None or isinstance(value, str) else cell_text(value)
