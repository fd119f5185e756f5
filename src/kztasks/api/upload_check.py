"""Checks an uploaded CSV against its action's metadata, piece by piece, while it streams in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kztasks.api.refusals import RefusedInput
from kztasks.csvio import CsvLimits, CsvReader, Header, Row, Rows, encode_row
from tasks_bindings.wire.messages import Metadata

CSV_TYPE: Final = "text/csv"
NO_CONTENT: Final = "none"
MAX_SHOWN_ROWS: Final = 100
MAX_SHOWN_CHARS: Final = 256 * 1024
"""Rows with missing values are shown within these limits; the upload ends when there are more."""

_ROWS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCsv:
    """What is known of a CSV that has passed."""

    columns: tuple[str, ...]
    rows: int
    body_offset: int
    body_line: int


def without_input(metadata: Metadata) -> None:
    """Check that an action can be run without any input.

    Raises:
        RefusedInput: it wants a CSV.
    """
    if metadata.is_noinput:
        return
    problems: dict[str, Sequence[str] | str] = {"expected_content": CSV_TYPE}
    if metadata.mandatory:
        problems["missing_mandatory_fields"] = list(metadata.mandatory)
    raise RefusedInput(problems)


def with_input(metadata: Metadata, limits: CsvLimits, *, from_records: bool) -> UploadCheck:
    """The check of an action's input.

    Args:
        metadata: of the action.
        limits: what to refuse for its size.
        from_records: whether the client has sent JSON records rather than a CSV.

    Raises:
        RefusedInput: the action takes no input.
    """
    if metadata.is_noinput:
        raise RefusedInput({"expected_content": NO_CONTENT})
    return UploadCheck(metadata, limits, check_values=not from_records)


class UploadCheck:
    """Tells whether a CSV is one that the action can be given.

    Wrong shape or syntax is an error at once; missing columns and missing values are collected and
    told together at the end.

    Args:
        metadata: of an action that takes a CSV.
        limits: what to refuse for its size.
        check_values: whether a mandatory cell must have a value. Kazoo does not ask that of JSON
            records; their rows fail one by one when they are run.
    """

    def __init__(self, metadata: Metadata, limits: CsvLimits, *, check_values: bool = True) -> None:
        self._mandatory = metadata.mandatory
        self._check_values = check_values
        self._reader = CsvReader(limits)
        self._header: Header | None = None
        self._needed: list[int] = []
        self._missing_columns: list[str] = []
        self._missing_values: list[str] = []
        self._shown_chars = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the header, once it was seen."""
        return tuple(self._header.names) if self._header is not None else ()

    @property
    def is_refused(self) -> bool:
        """Whether the CSV will be refused, whatever comes."""
        return bool(self._missing_columns or self._missing_values)

    def feed(self, data: bytes) -> None:
        """Check the next bytes; 64 KiB or so at a time keep memory and pauses short.

        Raises:
            CsvError: the CSV has not the right shape.
            RefusedInput: so much is missing that the rest is not looked at.
        """
        for _ in self.rows(data):
            pass

    def rows(self, data: bytes | None) -> Iterator[Rows]:
        """`feed`, handing on the rows that were looked at, some hundreds at a time.

        Args:
            data: the next bytes; `None` at the end, before `finish`.
        """
        if data is None:
            self._reader.close()
        else:
            self._reader.feed(data)
        return self._look()

    def finish(self) -> CheckedCsv:
        """Say that this was all.

        Raises:
            CsvError: the CSV has not the right shape, no header or no rows.
            RefusedInput: mandatory columns or values are missing.
        """
        for _ in self.rows(None):
            pass
        if self._header is None or self.is_refused:
            raise self._refusal()
        return CheckedCsv(
            columns=self.columns,
            rows=self._reader.row_number,
            body_offset=self._header.size,
            body_line=self._header.next_line,
        )

    def _look(self) -> Iterator[Rows]:
        if self._header is None:
            self._header = self._reader.read_header()
            if self._header is None:
                return
            self._look_at_columns(self._header.names)
        while True:
            taken = self._reader.take(_ROWS_AT_ONCE)
            if not taken.rows:
                return
            if self._needed:
                self._look_at_values(taken.rows)
            yield taken

    def _look_at_columns(self, names: list[str]) -> None:
        self._missing_columns = [name for name in self._mandatory if name not in names]
        if self._check_values:
            mandatory = set(self._mandatory)
            self._needed = [at for at, name in enumerate(names) if name in mandatory]

    def _look_at_values(self, rows: list[Row]) -> None:
        for row in rows:
            if None in row and any(row[at] is None for at in self._needed):
                self._show(encode_row(row).decode())

    def _show(self, line: str) -> None:
        self._shown_chars += len(line)
        is_full = len(self._missing_values) == MAX_SHOWN_ROWS
        if self._missing_values and (is_full or self._shown_chars > MAX_SHOWN_CHARS):
            raise self._refusal()
        self._missing_values.append(line)

    def _refusal(self) -> RefusedInput:
        problems: dict[str, Sequence[str] | str] = {}
        if self._missing_columns:
            problems["missing_mandatory_fields"] = self._missing_columns
        if self._missing_values:
            problems["missing_mandatory_values"] = self._missing_values
        return RefusedInput(problems)
