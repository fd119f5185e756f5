"""What the worker of a task with a CSV writes for a return, and how it counts it (store_return)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.compatibility.original.kz_csv import Cell, cell_text, joined, row_to_iolist
from tests.compatibility.original.output import Output, cells_of, items_of
from tests.compatibility.original.terms import Atom, Term
from tests.compatibility.rules import Rule

NamedRow = Mapping[Cell, Cell]
Counts = tuple[int, int]
"""Rows that failed, and rows that succeeded."""
FAILED: Counts = (1, 0)


@dataclass(frozen=True, slots=True)
class CsvWriting:
    """Writes the lines of a task.

    Args:
        on: the rules.
        output: where to.
        carried: columns of the header that stand before the added ones; all of a replaced header.
        added: those that output_header added; `None` where it replaced the header.
    """

    on: frozenset[Rule]
    output: Output
    carried: list[Cell]
    added: list[Cell] | None

    def beside_data(self, row: NamedRow, returned: Term) -> Counts:
        """What stood beside an iterator."""
        match returned:
            case [_, *_] | dict():
                return self.rows(row, returned)
            case Atom("ok"):
                return (0, 1)
            case Atom(name) if Rule.JSON_VALUES in self.on:
                returned = name
        is_text = isinstance(returned, str) and returned != ""
        self._note(row, error=returned)
        shown = cell_text(returned) if self.added is None or is_text else None
        return self.failure(row, shown, ends_line=is_text)

    def alone(self, row: NamedRow, returned: Term) -> Counts:
        """What stood alone and is no row: it is wrapped in a list."""
        self._note(row, error=returned)
        if returned == []:  # taken for a list of rows whose first and only one is empty
            return self.failure(row, "" if self.added is None else None, ends_line=False)
        shown = self._joined([returned]) if self.added is None else cell_text(returned)
        return self.failure(row, shown)

    def rows(self, row: NamedRow, returned: Term) -> Counts:
        """A row or several."""
        several = _several(returned, with_maps=Rule.SEVERAL_ROWS in self.on)
        if several is None:
            return self._row(row, returned)
        if Rule.SEVERAL_ROWS not in self.on:
            for one in several:
                self._store(row, one)
            return (0, len(several))
        if len(several) == 1:
            return self._row(row, several[0])
        rule = "only a task without input may return several rows"
        return self.failure(row, f"{len(several)} rows for one: {rule}")

    def failure(self, row: NamedRow, reason: Cell, *, ends_line: bool = True) -> Counts:
        """A row failed, with a reason in its error column.

        Args:
            row: the input.
            reason: what is shown.
            ends_line: whether what the original begins a second line with has an end.
        """
        self._note(row, error=reason)
        if self.added is None:
            named = {**row, "error": reason}
            self.output.write([named.get(column) for column in self.carried])
        elif Rule.ONE_LINE in self.on:
            added: list[Cell] = [None] * len(self.added)
            added[self.added.index("error") if "error" in self.added else 0] = reason
            self.output.write([row.get(column) for column in self.carried] + added)
        else:
            self._two_lines(row, row_to_iolist([reason]) if ends_line else "")
        return FAILED

    def _row(self, row: NamedRow, returned: Term) -> Counts:
        self._store(row, returned)
        error = returned.get("error") if isinstance(returned, dict) else None
        if isinstance(error, Atom) and Rule.JSON_VALUES in self.on:
            error = error.name
        return FAILED if isinstance(error, str) and error else (0, 1)

    def _store(self, row: NamedRow, returned: Term) -> None:
        match returned:
            case dict():
                named = returned if self.added is None else {**row, **returned}
                self.output.note(named)
                line = [named.get(column) for column in self.output.header]
                self.output.write(cells_of(line, self.on))
            case [_, *_] if self.added is None:
                self._note(row, error=returned)
                self.failure(row, self._joined(returned))
            case [_, *_]:
                self._store_added(row, returned)
            case _:
                self.failure(row, returned or None)

    def _store_added(self, row: NamedRow, cells: list[Term]) -> None:
        """Cells for the added columns."""
        self._note(row)
        if Rule.ONE_LINE not in self.on:
            self._two_lines(row, row_to_iolist(cells))
            return
        line = [row.get(column) for column in self.carried] + cells_of(cells, self.on)
        missing = len(self.output.header) - len(line)
        self.output.write(line + [None] * missing)

    def _two_lines(self, row: NamedRow, second: str) -> None:
        """The defect: the whole row with its line break, then what belongs to its end."""
        self.output.write([row.get(column) for column in self.output.header])
        self.output.text += "," + second

    def _note(self, row: NamedRow, *, error: Term = None) -> None:
        """The input's columns are written, and error where it takes the place of one."""
        replaced: dict[Cell, Term] = {"error": error} if self.added is None else {}
        self.output.note({**row, **replaced})

    def _joined(self, values: list[Term]) -> Cell:
        return joined(items_of(values, self.on))


def _several(returned: Term, *, with_maps: bool) -> list[Term] | None:
    """The rows of a list of rows, which the first one tells."""
    match returned:
        case [list(), *_]:
            return list(returned)
        case [dict(), *rest] if with_maps and all(isinstance(one, dict) for one in rest):
            return list(returned)
        case _:
            return None
