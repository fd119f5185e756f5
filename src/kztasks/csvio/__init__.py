"""CSV in and out, from bytes to rows and back; it does no I/O of its own."""

from kztasks.csvio.cells import cell_text
from kztasks.csvio.errors import (
    BlankLine,
    CsvError,
    EmptyHeaderCell,
    EmptyInput,
    EmptyRow,
    LimitExceeded,
    Malformed,
    NoRows,
    RaggedRow,
    UnterminatedQuote,
)
from kztasks.csvio.limits import CsvLimits, Limit
from kztasks.csvio.reader import CsvReader
from kztasks.csvio.records import record_columns, record_rows, records_to_rows
from kztasks.csvio.rows import Cell, Header, Row, Rows
from kztasks.csvio.writer import encode_row, encode_rows, encode_texts

__all__ = [
    "BlankLine",
    "Cell",
    "CsvError",
    "CsvLimits",
    "CsvReader",
    "EmptyHeaderCell",
    "EmptyInput",
    "EmptyRow",
    "Header",
    "Limit",
    "LimitExceeded",
    "Malformed",
    "NoRows",
    "RaggedRow",
    "Row",
    "Rows",
    "UnterminatedQuote",
    "cell_text",
    "encode_row",
    "encode_rows",
    "encode_texts",
    "record_columns",
    "record_rows",
    "records_to_rows",
]
