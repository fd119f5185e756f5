"""JSON records, as a client may send instead of a CSV, as the rows of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kztasks.csvio.cells import cell_text
from kztasks.csvio.rows import Cell, Row


def records_to_rows(records: Sequence[Mapping[str, object]]) -> tuple[list[str], list[Row]]:
    """The columns and the rows that say the same as `records`.

    Args:
        records: any number of JSON objects; they need not have the same keys.

    Returns:
        All records' keys in the order in which they are first seen, and for each record its values'
        texts in that order. A value that is missing or empty gives an undefined cell.
    """
    header = record_columns(records)
    return header, record_rows(records, header)


def record_columns(records: Iterable[Mapping[str, object]]) -> list[str]:
    """All records' keys in the order in which they are first seen."""
    return list(dict.fromkeys(key for record in records for key in record))


def record_rows(records: Iterable[Mapping[str, object]], header: Sequence[str]) -> list[Row]:
    """For each record its values' texts in the order of the header.

    Some records at a time may be given: their rows take as many cells as the header has for each.
    """
    return [[_filled(record.get(key)) for key in header] for record in records]


def _filled(value: object) -> Cell:
    return cell_text(value) or None
