"""What a return means: lines to write, rows counted, and whether the task goes on.

This is the only place that knows (seed, "Return values"). It is pure and the same for an app in any
language, as apps send what their handlers returned and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from kztasks.csvio import Cell, Row, cell_text
from kztasks.domain.expansion import too_many_cells
from kztasks.domain.header import ERROR_COLUMN, OutputHeader

CRASHED: Final = "applier crashed"
"""What the output says of a row whose handler crashed; the exception itself is in the log."""
_TEXTS: Final = frozenset({str, type(None)})
SEVERAL_ROWS: Final = "only a task without input may return several rows"


class End(StrEnum):
    """Why a return ends the task."""

    STOP = "stop"
    CRASH = "crash"
    FAULT = "fault"
    """The return breaks a rule that the rest of the task cannot do without."""


class Outcome(NamedTuple):
    """What one return does. `lines` are rows of `out.csv`, in order."""

    lines: tuple[Row, ...] = ()
    failed: int = 0
    succeeded: int = 0
    end: End | None = None
    file: str | None = None
    reason: str | None = None
    """For the operator, where `end` is a fault."""


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
    width: int = field(init=False)
    """Number of columns of the header."""
    is_noinput: bool = field(init=False)
    """Whether the task has no input."""

    def __post_init__(self) -> None:
        columns, carried = self.input_columns or (), self.header.carried
        places = {column: index for index, column in enumerate(columns)}
        picked = tuple(places.get(column, -1) for column in carried)
        as_it_is = carried == columns
        object.__setattr__(self, "carried_from", None if as_it_is else picked)
        object.__setattr__(self, "width", len(self.header.columns))
        object.__setattr__(self, "is_noinput", self.input_columns is None)

    def carried_cells(self, row: Row) -> Row:
        """The cells of an input row that stand before the added columns."""
        if self.carried_from is None:
            return row
        return [row[index] if index >= 0 else None for index in self.carried_from]

    def with_added(self, row: Row, cells: Row) -> Row:
        """The carried cells of an input row, then those that a handler added, under the header."""
        return _padded(self.carried_cells(row) + cells, self.width)

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
    for kind, value in returned.items():
        meaning = _MEANINGS.get(kind)
        if meaning is not None:
            outcome = meaning(value, returned, rules, row)
            break
    else:
        outcome = _unknown(returned, rules, row)
    if returned.get("next") == "stop" and outcome.end is None:
        return outcome._replace(end=End.STOP)
    return outcome


def plain_cells(returned: Mapping[str, Any]) -> Row | None:
    """The cells that are added to a row, if the return is that and nothing else; else `None`.

    This is what `interpret` says of most rows there are, for a quarter of the time.
    """
    cells = returned.get("row")
    if cells.__class__ is not list or not cells or not _TEXTS.issuperset(map(type, cells)):
        return None
    if len(returned) > 1 and (len(returned) > 2 or returned.get("next") != "data"):  # noqa: PLR2004  (row and next)
        return None
    return cells


def _ok(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    if value is not True:
        return _unknown(returned, rules, row)
    counts = not (rules.is_noinput and "next" in returned)
    return Outcome(succeeded=int(counts))


def _error(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    if not isinstance(value, str):
        return _unknown(returned, rules, row)
    return _failure(value, rules, row) if value or not rules.is_noinput else Outcome(failed=1)


def _text(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    if value == "":
        return _nothing(rules, row)
    if isinstance(value, str) and rules.is_noinput:
        return Outcome(lines=([value],), succeeded=1)
    return _error(value, returned, rules, row)


def _bad_fields(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    if not isinstance(value, list):
        return _unknown(returned, rules, row)
    return _failure(f"bad field(s) {' '.join(map(str, value))}", rules, row)


def _stop(_value: object, _returned: Mapping[str, Any], _rules: Rules, _row: Row) -> Outcome:
    return Outcome(end=End.STOP)


def _crash(_value: object, _returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    end = End.CRASH if rules.ends_on_crash else None
    if rules.is_noinput:
        return Outcome(lines=([CRASHED],), failed=1, end=end)
    return _failure(CRASHED, rules, row, end)


def _other(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    """A value that the seed's list does not have: the row failed, with as little said as before.

    The original shows what stands beside `Data` in a replaced header alone. What stands alone it
    puts into a list, which is the added cells, or one cell of a replaced header.
    """
    if rules.is_noinput:
        return Outcome(failed=1)
    if "bare" in returned:
        return _failure(cell_text([value] if rules.header.replaced else value), rules, row)
    return _failure(_cell(value) if rules.header.replaced else None, rules, row)


def _nothing(rules: Rules, row: Row) -> Outcome:
    """An empty text or row: the row failed, without a reason, as in the original."""
    if rules.is_noinput:
        return Outcome(failed=1)
    return _failure("" if rules.header.replaced else None, rules, row)


def _file(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    if isinstance(value, str) and rules.is_noinput:
        return Outcome(end=End.STOP, file=value)
    return _unknown(returned, rules, row)


def _unknown(returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    shapes = ", ".join(sorted(map(str, returned))) or "nothing"
    return _failure(f"unknown return: {shapes[:100]}", rules, row)


def _one_row(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    if isinstance(value, list):
        return _list_row(value, rules, row)
    if not isinstance(value, dict):
        return _unknown(returned, rules, row)
    reason = None if rules.is_noinput else value.get(ERROR_COLUMN)
    failed = isinstance(reason, str) and bool(reason)
    return Outcome((_line(value, rules, row),), int(failed), int(not failed))


def _list_row(cells: list[Any], rules: Rules, row: Row) -> Outcome:
    if rules.is_noinput:
        return _noinput_rows([cells], rules)
    if not cells:
        return _nothing(rules, row)
    return Outcome((_line(cells, rules, row),), 0, 1)


def _many_rows(value: object, returned: Mapping[str, Any], rules: Rules, row: Row) -> Outcome:
    if not isinstance(value, list):
        return _unknown(returned, rules, row)
    if rules.is_noinput:
        return _noinput_rows(value, rules)
    if len(value) > 1:
        return _failure(f"{len(value)} rows for one: {SEVERAL_ROWS}", rules, row)
    return _one_row(value[0], returned, rules, row) if value else _nothing(rules, row)


def _noinput_rows(many: list[Any], rules: Rules) -> Outcome:
    """Rows of a task without input; a list must fit the header, or the task cannot go on."""
    if many == [[]]:
        return Outcome(failed=1)
    if (why := too_many_cells(len(many), rules.width)) is not None:
        return Outcome(end=End.FAULT, reason=why)
    lines: list[Row] = []
    for cells in many:
        if isinstance(cells, dict):
            lines.append(_line(cells, rules, []))
            continue
        texts = [_cell(cell) for cell in cells] if isinstance(cells, list) else []
        if len(texts) == rules.width:
            lines.append(texts)
            continue
        written = (*lines, texts) if texts else tuple(lines)
        reason = f"a returned row has {len(texts)} cells, the output header has {rules.width}"
        return Outcome(written, succeeded=len(lines), end=End.FAULT, reason=reason)
    return Outcome(tuple(lines), succeeded=len(lines))


def _line(cells: dict[str, Any] | list[Any], rules: Rules, row: Row) -> Row:
    header = rules.header
    if isinstance(cells, dict):
        named = {} if header.replaced or rules.is_noinput else rules.by_name(row)
        named.update((column, _cell(value)) for column, value in cells.items())
        return [named.get(column) for column in header.columns]
    if header.replaced:
        return _with_reason(cell_text(cells), rules, row)
    texts = [value if value.__class__ is str else _cell(value) for value in cells]
    return rules.with_added(row, texts)


def _failure(reason: Cell, rules: Rules, row: Row, end: End | None = None) -> Outcome:
    return Outcome(lines=(_with_reason(reason, rules, row),), failed=1, end=end)


def _with_reason(reason: Cell, rules: Rules, row: Row) -> Row:
    """The input row with a reason in its error column, or where the header has a place for it."""
    header = rules.header
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
    missing = width - len(cells)
    return cells + [None] * missing if missing > 0 else cells


def _cell(value: object) -> Cell:
    return value if value is None or isinstance(value, str) else cell_text(value)


_MEANINGS: Final[Mapping[str, Callable[[Any, Mapping[str, Any], Rules, Row], Outcome]]] = {
    "row": _one_row,
    "ok": _ok,
    "error": _error,
    "bad_fields": _bad_fields,
    "text": _text,
    "rows": _many_rows,
    "stop": _stop,
    "crash": _crash,
    "other": _other,
    "file": _file,
}
"""The seed's list, one shape each."""
