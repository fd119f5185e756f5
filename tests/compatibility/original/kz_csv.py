"""Kazoo's CSV module: lines are cut before quotes are looked at, and a blank one ends the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.compatibility.original.terms import Atom, Term

BREAKS: Final = ("\r\n", "\n\r", "\r\r", "\n", "\r")
"""The first of them that fits ends a line."""

Cell = str | None


class CsvCrash(Exception):
    """The module raises, and whoever called it dies."""


def take_row(text: str) -> tuple[list[Cell], str] | None:
    """The cells of the first line and what follows it; `None` at the end."""
    end = min((place for place in map(text.find, "\r\n") if place >= 0), default=len(text))
    if end == 0:
        return None
    found = next((one for one in BREAKS if text.startswith(one, end)), "")
    return parse_row(text[:end]), text[end + len(found) :]


def rows(text: str) -> Iterator[list[Cell]]:
    """All lines up to the first blank one."""
    while (taken := take_row(text)) is not None:
        row, text = taken
        yield row


def parse_row(line: str) -> list[Cell]:
    """The cells of a line; text around quotes is lost.

    Raises:
        CsvCrash: the line ends inside quotes.
    """
    cells: list[Cell] = []
    rest: str | None = line
    while rest is not None:
        cell, rest = _next_cell(rest)
        cells.append(cell)
    return cells


def _next_cell(text: str) -> tuple[Cell, str | None]:
    comma, quote = text.find(","), text.find('"')
    if quote < 0 or 0 <= comma < quote:
        plain, found, rest = text.partition(",")
        return plain or None, rest if found else None
    cell, place = "", quote + 1
    while not text.startswith('"', place) or text.startswith('""', place):
        if place >= len(text):
            raise CsvCrash
        cell += text[place]
        place += 1 + text.startswith('""', place)
    _, found, rest = text[place + 1 :].partition(",")
    return cell, rest if found else None


def row_to_iolist(row: list[Term]) -> str:
    """A line of cells.

    Raises:
        CsvCrash: there are none.
    """
    if not row:
        raise CsvCrash
    return ",".join(map(_quoted, row)) + "\n"


def _quoted(value: Term) -> str:
    text = cell_text(value)
    return "" if text is None else '"' + text.replace('"', '""') + '"'


def cell_text(value: Term) -> Cell:
    """What is written for a term; nothing for what cannot be converted."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Atom(name):
            return name
        case list():
            return joined(value)
        case _:
            return None


def joined(values: list[Term]) -> Cell:
    """A list in one cell: what iolists can hold, joined by commas."""
    texts: list[str] = []
    for value in values:
        match value:
            case str():
                text: Cell = value
            case bool():
                return None
            case int() if 0 <= value < 256:
                text = chr(value)
            case list():
                text = joined(value)
            case _:
                return None
        if text is None:
            return None
        texts.append(text)
    return ",".join(texts)
