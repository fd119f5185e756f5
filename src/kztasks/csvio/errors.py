"""Everything that can be wrong with a CSV, as one tree.

CsvError
├── Malformed                  not RFC 4180, not UTF-8, or a NUL byte
│   └── UnterminatedQuote      the input ends inside a quoted cell
├── BlankLine                  a blank line that is followed by a record
├── RaggedRow                  a row has more or fewer cells than the header
├── EmptyHeaderCell            a column has no name
├── EmptyInput                 no header
├── NoRows                     a header and nothing else
├── LimitExceeded              over one of the limits in `CsvLimits`
└── EmptyRow                   a row without cells was to be written
"""

from __future__ import annotations

from typing import ClassVar

from kztasks.csvio.limits import Limit


class CsvError(Exception):
    """Root of all errors of this package.

    Attributes:
        code: stable, safe to match on.
        line: the physical line at fault, counted from 1; None when there was no input to read.
        detail: the sentence without the line.
    """

    code: ClassVar[str] = "csv_error"

    def __init__(self, detail: str, line: int | None = None) -> None:
        super().__init__(detail if line is None else f"Line {line}: {detail}")
        self.detail = detail
        self.line = line


class Malformed(CsvError):
    """The text breaks a rule of RFC 4180, is not UTF-8, or has a NUL byte."""

    code = "csv_malformed"


class UnterminatedQuote(Malformed):
    """The input ends inside a quoted cell; `line` is where the quote was opened."""

    line: int

    def __init__(self, line: int) -> None:
        super().__init__(
            "a quoted cell begins here and its closing quote is missing (RFC 4180, 2.5).", line
        )


class BlankLine(CsvError):
    """A blank line is followed by a record. Blank lines may stand at the end of the file only."""

    code = "csv_blank_line"

    def __init__(self, line: int) -> None:
        super().__init__("a blank line may only stand at the end of the file.", line)


class RaggedRow(CsvError):
    """A row's width differs from the header's (RFC 4180, 2.4)."""

    code = "csv_ragged_row"

    def __init__(self, line: int, *, expected: int, found: int) -> None:
        super().__init__(
            f"the header has {expected} cells and this row has {found} (RFC 4180, 2.4).", line
        )
        self.expected = expected
        self.found = found


class EmptyHeaderCell(CsvError):
    """A column has no name; `column` counts from 1."""

    code = "csv_empty_header_cell"

    def __init__(self, line: int, *, column: int) -> None:
        super().__init__(f"each column needs a name, and column {column} has none.", line)
        self.column = column


class EmptyInput(CsvError):
    """There is no header."""

    code = "csv_empty_input"

    def __init__(self, line: int) -> None:
        super().__init__("the input is empty, and a header is needed.", line)


class NoRows(CsvError):
    """There is a header and nothing else."""

    code = "csv_no_rows"

    def __init__(self, line: int) -> None:
        super().__init__("at least one row is needed after the header.", line)


class LimitExceeded(CsvError):
    """A part of the input is larger than allowed: `limit` says which, `most` what was allowed."""

    code = "csv_limit_exceeded"

    def __init__(self, line: int, *, limit: Limit, most: int) -> None:
        super().__init__(_LIMIT_SENTENCES[limit].format(most=most), line)
        self.limit = limit
        self.most = most


_LIMIT_SENTENCES = {
    Limit.CELL_BYTES: "a cell may have at most {most} bytes.",
    Limit.ROW_BYTES: "a row may have at most {most} bytes; a quote left open has this effect too.",
    Limit.COLUMNS: "there may be at most {most} columns.",
    Limit.ROWS: "there may be at most {most} rows.",
}


class EmptyRow(CsvError, ValueError):
    """A row without cells has no place in a CSV, as it would read back as a blank line."""

    code = "csv_empty_row"

    def __init__(self) -> None:
        super().__init__("A row without cells cannot be written.")
