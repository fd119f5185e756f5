"""Reads a CSV from bytes that arrive in pieces."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from kztasks.csvio.errors import (
    BlankLine,
    CsvError,
    EmptyHeaderCell,
    EmptyInput,
    LimitExceeded,
    NoRows,
    RaggedRow,
)
from kztasks.csvio.limits import CsvLimits, Limit
from kztasks.csvio.parsing import parse_record, parse_within_limits
from kztasks.csvio.plain import parse_plain
from kztasks.csvio.rows import Header, Row, Rows
from kztasks.csvio.splitting import RecordSplitter, count_breaks

_DEFAULT_LIMITS = CsvLimits()


class CsvReader:
    """A push parser: `feed` bytes, `read_header` once, `take` rows, and `close` at the end.

    The dialect is RFC 4180 with Kazoo's line terminators (see `split_lines`). A blank line is
    skipped at the end of the input and refused elsewhere. The same bytes give the same rows and the
    same error wherever they are cut into pieces. Rows before a fault are handed out first; then
    each further call raises the fault's error.

    Memory: one unfinished row, and the lines of the pieces that were fed and not yet taken. Feed
    pieces of 64 KiB or so, and no more of them while enough rows are `waiting`.

    To go on in the middle of an input, give `width`, `line` and `row_number`, and feed from the
    offset that `Header.size` and `Rows.sizes` add up to.

    Args:
        limits: what to refuse.
        width: the header's number of cells when the header is behind; None to read it first.
        line: the physical line on which the next record begins, counted from 1.
        row_number: how many rows are behind.
    """

    def __init__(
        self,
        limits: CsvLimits = _DEFAULT_LIMITS,
        *,
        width: int | None = None,
        line: int = 1,
        row_number: int = 0,
    ) -> None:
        self._limits = limits
        self._short = min(limits.max_cell_bytes, limits.max_row_bytes)
        self._width = width
        self._line = line
        self._row_number = row_number
        self._splitter = RecordSplitter(limits.max_row_bytes, skip_bom=width is None)
        self._records: list[bytes] = []  # the next one, if any, is not blank
        self._next = 0
        self._blank_line: int | None = None
        self._error: CsvError | None = None
        self._closed = False

    @property
    def pending(self) -> bool:
        """Whether a call would give a record or raise the input's error, without more bytes."""
        is_empty = self._closed and self._row_number == 0
        return self.waiting > 0 or self._error is not None or is_empty

    @property
    def waiting(self) -> int:
        """How many records arrived whole and were not taken yet; blank lines may be among them."""
        return len(self._records) - self._next

    @property
    def at_end(self) -> bool:
        """Whether the input was closed, every row was taken and nothing was wrong."""
        return self._closed and not self.pending

    @property
    def row_number(self) -> int:
        """How many rows are behind, those before a resumed reader's start included."""
        return self._row_number

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the input. Never raises what is wrong with them; `take` does."""
        if self._closed:
            raise RuntimeError("The input was closed.")
        if self._error is None:
            self._records += self._splitter.feed(data)
            self._skip_blank_lines()

    def close(self) -> None:
        """End the input; its last line may lack a terminator (RFC 4180, 2.2)."""
        if not self._closed and self._error is None:
            self._records += self._splitter.close()
            self._skip_blank_lines()
        self._closed = True

    def read_header(self) -> Header | None:
        """The columns' names, or None while more bytes are needed.

        Raises:
            CsvError: there is no header, a name is empty, there are too many, or the record is
                not well formed.
        """
        if self._width is not None:
            raise RuntimeError("The header was read before.")
        self._raise_due_error()
        if not self.waiting:
            return None
        record = self._records[self._next]
        try:
            names = self._parse_header(record)
        except CsvError as error:
            self._error = error
            raise
        self._width = len(names)
        next_line = self._line + _lines_of(record)
        self._advance(1, next_line)
        return Header(names, self._splitter.bom_bytes + len(record), next_line)

    def take(self, max_rows: int, max_bytes: int | None = None) -> Rows:
        """The next rows, as far as they have arrived whole.

        Args:
            max_rows: how many at most.
            max_bytes: stop before the row that exceeds this many bytes of input; the first row is
                given in any case. None for no such limit.

        Returns:
            Rows: empty while more bytes are needed, and at the end.

        Raises:
            CsvError: the input is at fault, and all rows before the fault were taken.
        """
        if self._width is None:
            raise RuntimeError("The header must be read first.")
        self._raise_due_error()
        batch = self._batch(max_rows, max_bytes)
        rows, lines, next_line = self._parse(batch, self._width)
        self._row_number += len(rows)
        self._advance(len(rows), next_line)
        return Rows(rows, list(map(len, batch[: len(rows)])), lines, next_line)

    def _batch(self, max_rows: int, max_bytes: int | None) -> list[bytes]:
        most = min(max_rows, self._limits.max_rows - self._row_number)
        batch = self._records[self._next : self._next + most]
        if max_bytes is not None:
            ends = list(accumulate(len(record) for record in batch))
            del batch[max(1, bisect_right(ends, max_bytes)) :]
        return batch

    def _parse(self, batch: list[bytes], width: int) -> tuple[list[Row], list[int], int]:
        """The rows up to a blank line or a fault, their lines, and the line after them."""
        rows = parse_plain(batch, width, self._short)
        if rows is not None:
            after = self._line + len(rows)
            return rows, list(range(self._line, after)), after
        return self._parse_each(batch, width)

    def _parse_each(self, batch: list[bytes], width: int) -> tuple[list[Row], list[int], int]:
        rows: list[Row] = []
        lines: list[int] = []
        line, short, limits = self._line, self._short, self._limits
        try:
            for record in batch:
                if len(record) <= short:
                    cells = parse_record(record, line)
                else:
                    cells = parse_within_limits(record, line, limits)
                if len(cells) != width:
                    if not cells:
                        break
                    raise RaggedRow(line, expected=width, found=len(cells))
                rows.append(cells)
                lines.append(line)
                line += 1 if b'"' not in record else _lines_of(record)
        except CsvError as error:
            self._error = error
            if not rows:
                raise
        return rows, lines, line

    def _parse_header(self, record: bytes) -> list[str]:
        names: list[str] = []
        cells = parse_within_limits(record, self._line, self._limits)
        for column, name in enumerate(cells, start=1):
            if not name:
                raise EmptyHeaderCell(self._line, column=column)
            names.append(name)
        return names

    def _advance(self, count: int, line: int) -> None:
        """Leave `count` records behind; `line` is where the next one begins."""
        self._line = line
        self._next += count
        self._skip_blank_lines()

    def _skip_blank_lines(self) -> None:
        while self.waiting and not self._records[self._next].strip(b"\r\n"):
            if self._blank_line is None:
                self._blank_line = self._line
            self._line += 1
            self._next += 1
        if 2 * self._next >= len(self._records):  # so seldom that a record costs next to nothing
            del self._records[: self._next]
            self._next = 0

    def _raise_due_error(self) -> None:
        if self._error is None:
            self._error = self._due_error()
        if self._error is not None:
            self._records.clear()
            self._next = 0
            raise self._error

    def _due_error(self) -> CsvError | None:
        if self.waiting:
            if self._blank_line is not None:
                return BlankLine(self._blank_line)
            most = self._limits.max_rows
            if self._row_number >= most:
                return LimitExceeded(self._line, limit=Limit.ROWS, most=most)
        elif self._closed and self._row_number == 0:
            missing_line = self._blank_line or self._line
            return EmptyInput(missing_line) if self._width is None else NoRows(missing_line)
        return None


def _lines_of(record: bytes) -> int:
    """How many physical lines a record takes."""
    inside = record.rstrip(b"\r\n")
    return 1 + (count_breaks(inside) if b"\n" in inside or b"\r" in inside else 0)
