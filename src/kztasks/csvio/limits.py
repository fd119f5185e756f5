"""How large a CSV and its parts may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """Which limit was exceeded; the value names the field of `CsvLimits` after its `max_`."""

    CELL_BYTES = "cell_bytes"
    ROW_BYTES = "row_bytes"
    COLUMNS = "columns"
    ROWS = "rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvLimits:
    """The most that a reader accepts; the memory that it needs follows from these.

    Args:
        max_cell_bytes: UTF-8 bytes of one cell's text, without its quotes.
        max_row_bytes: bytes of one record as it stands in the input, without its line terminator.
        max_columns: cells of the header.
        max_rows: rows after the header.
    """

    max_cell_bytes: int = 256 * 1024
    max_row_bytes: int = 1024 * 1024
    max_columns: int = 1000
    max_rows: int = 10_000_000
