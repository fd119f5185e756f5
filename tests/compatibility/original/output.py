"""The output of a run: a local file, the columns that count as written, and their removal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.compatibility.original.kz_csv import Cell, CsvCrash, cell_text, row_to_iolist, rows
from tests.compatibility.original.terms import Atom, Term, json_text
from tests.compatibility.rules import Rule


@dataclass(slots=True)
class Output:
    """The local file, as text and as the rows that were written to it."""

    header: list[Cell]
    text: str = ""
    rows: list[list[Cell]] = field(default_factory=list)
    columns: set[Cell] = field(default_factory=set)
    """Names that were written, as the original counts them."""

    def __post_init__(self) -> None:
        self.text = row_to_iolist(self.header)

    def write(self, row: list[Term]) -> None:
        """Append a row."""
        self.text += row_to_iolist(row)
        self.rows.append([cell_text(cell) for cell in row])

    def note(self, named: dict[Cell, Term]) -> None:
        """Count the columns of a row as written, where they are defined."""
        self.columns |= {name for name, value in named.items() if value is not None}

    def with_columns_removed(self, on: frozenset[Rule]) -> str:
        """The file as the original strips it, or as it is where it cannot."""
        if not 0 < len(self.columns) < len(self.header):
            return self.text
        try:
            return self._stripped(reverse=Rule.ROWS_IN_ORDER not in on)
        except CsvCrash:
            return self.text

    def _stripped(self, *, reverse: bool) -> str:
        """Rows are appended, then the header, and the lines are turned round by `tac`."""
        kept = [name for name in self.header if name in self.columns]
        header, *written = rows(self.text)
        lines: list[str] = []
        for row in written:
            if len(row) != len(header):
                raise CsvCrash
            named = dict(zip(header, row, strict=True))
            lines.append(row_to_iolist([named[name] for name in kept]))
        return "".join([row_to_iolist(kept), *(lines[::-1] if reverse else lines)])

    def without_unwritten_columns(self) -> str:
        """The file without columns that no row defines; lines of another width as they are."""
        width = range(len(self.header))
        defined = {place for row in self.rows for place, cell in enumerate(row) if cell is not None}
        kept = [place for place in width if place in defined] or list(width)
        lines = [
            [row[place] for place in kept] if len(row) == len(width) else row
            for row in (self.header, *self.rows)
        ]
        return "".join(map(row_to_iolist, lines))


def cells_of(values: Iterable[Term], on: frozenset[Rule]) -> list[Term]:
    """What a row of these values holds."""
    return [_cell(value, on) for value in values]


def _cell(value: Term, on: frozenset[Rule]) -> Term:
    if isinstance(value, list):
        return items_of(value, on)
    return json_text(value) if isinstance(value, dict) and Rule.JSON_VALUES in on else value


def items_of(values: list[Term], on: frozenset[Rule]) -> list[Term]:
    """What a list of these values holds, when it becomes one cell."""
    return [_item(value, on) for value in values]


def _item(value: Term, on: frozenset[Rule]) -> Term:
    if isinstance(value, list):
        return items_of(value, on)
    if isinstance(value, Atom) and Rule.JSON_VALUES in on:
        return value.name
    return str(value) if type(value) in {int, float} and Rule.NUMBERS_IN_LISTS in on else value
