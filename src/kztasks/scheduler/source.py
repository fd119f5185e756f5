"""The rows of a task's input, streamed: read ahead, looked at, and only then left behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from kztasks.csvio import CsvError, CsvReader, Row
from kztasks.domain.log import LogRecord
from kztasks.domain.task import InputFile
from kztasks.errors import NotFound, StoreUnavailable
from kztasks.store.interface import Download, FileStore

_log = structlog.get_logger(__name__)

READ_BYTES: Final = 256 * 1024
ROW_BYTES: Final = 180
CELL_BYTES: Final = 60
"""What a row, and each of its cells, takes in memory beside its bytes."""
FIRST_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next row begins: byte offset and line in `in.csv`, and the rows behind it."""

    offset: int
    line: int
    row: int


class Source(Protocol):
    """What a task runs over: rows of a CSV, or calls without input."""

    async def look(self, skip: int, max_rows: int) -> tuple[list[Row] | None, int]:
        """The next rows without leaving them behind.

        Args:
            skip: rows to pass over, because they are in a batch that is being run.
            max_rows: how many at most.

        Returns:
            The rows (`None` for calls without input) and how many there are; none at the end.

        Raises:
            CsvError: the input is at fault.
            NotFound: it is gone.
        """
        ...

    def advance(self, count: int) -> Position:
        """Leave `count` rows behind; where the next one begins."""
        ...

    @property
    def is_used_up(self) -> bool:
        """Whether it is plain without a look that no row is left."""
        ...

    @property
    def held_bytes(self) -> int:
        """About how much memory what was read ahead takes."""
        ...

    def forget(self) -> None:
        """Hold nothing that can be read again."""
        ...


class CsvSource:
    """Rows of a stored `in.csv`, from any recorded position on.

    Reading goes on where it was when the store was away or a caller gave up in the middle.

    Args:
        files: where the input is stored.
        file: the input.
        start: the first row to give.
        max_bytes: most bytes of input that `look` gives at once (one row at least).
    """

    def __init__(
        self, files: FileStore, file: InputFile, start: Position, *, max_bytes: int
    ) -> None:
        self._files = files
        self._file = file
        self._max_bytes = max_bytes
        self._position = start
        self._begin()

    async def look(self, skip: int, max_rows: int) -> tuple[list[Row] | None, int]:
        """The next rows, `max_bytes` of input at most; see `Source.look`."""
        try:
            while self._falls_short(skip, max_rows) and await self._read_more():
                pass
        except (CsvError, NotFound):
            if len(self._rows) <= skip:
                raise  # else it comes up again when the rows before it are behind
        end = skip + max_rows
        found, size = 0, 0
        for size_of_row in self._sizes[skip:end]:
            size += size_of_row
            if found and size > self._max_bytes:
                break
            found += 1
        return self._rows[skip : skip + found], found

    def advance(self, count: int) -> Position:
        """Leave rows behind; see `Source.advance`."""
        if count:
            size = sum(self._sizes[:count])
            offset = self._position.offset + size
            self._unread -= size
            line = self._lines[count] if count < len(self._lines) else self._next_line
            self._position = Position(offset, line, self._position.row + count)
            del self._rows[:count], self._sizes[:count], self._lines[:count]
        return self._position

    @property
    def is_used_up(self) -> bool:
        """Whether the input ends here; blank lines after the last row show when it is read."""
        return self._position.row > 0 and self._position.offset >= self._file.size

    @property
    def held_bytes(self) -> int:
        """Rows by the size of their input and their number of cells, and a piece being read."""
        each = ROW_BYTES + CELL_BYTES * len(self._file.columns)
        piece = 0 if self._download is None else min(READ_BYTES, self._file.size)
        return self._unread + len(self._rows) * each + piece

    def forget(self) -> None:
        """Read again from the present position on when a row is wanted."""
        if self._rows or self._download is not None:
            self._begin()

    def _begin(self) -> None:
        start = self._position
        self._reader = CsvReader(
            width=len(self._file.columns), line=start.line, row_number=start.row
        )
        self._download: Download | None = None
        self._fed_to = start.offset
        self._rows: list[Row] = []
        self._sizes: list[int] = []
        self._lines: list[int] = []
        self._next_line = start.line
        self._unread = 0

    def _falls_short(self, skip: int, max_rows: int) -> bool:
        """Whether the rows that were read beyond `skip` may be less than a batch."""
        enough = len(self._rows) >= skip + max_rows
        return not enough and sum(self._sizes[skip:]) < self._max_bytes

    async def _read_more(self) -> bool:
        """Read and parse the next piece; whether there may be more rows."""
        reader = self._reader
        if not reader.pending:
            if reader.at_end:
                return False
            data = await self._read()
            if data:
                reader.feed(data)
            else:
                reader.close()
                self._download = None
            if not reader.pending:
                return not reader.at_end
        rows = reader.take(READ_BYTES)
        self._rows += rows.rows
        self._sizes += rows.sizes
        self._unread += sum(rows.sizes)
        self._lines += rows.lines
        self._next_line = rows.next_line
        return True

    async def _read(self) -> bytes:
        """The next bytes; waits while the store does not answer."""
        backoff = FIRST_BACKOFF_S
        while True:
            try:
                download, self._download = self._download, None  # a read that fails ends it
                if download is None:
                    download = await self._files.download(
                        self._file.file_id, offset=self._fed_to, size=self._file.size
                    )
                data = await download.read(READ_BYTES)
            except StoreUnavailable as error:
                _log.warning("input_not_read", why=str(error))
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_S)
            else:
                self._download = download
                self._fed_to += len(data)
                return data


class CallSource:
    """Calls of a task without input; there is always a next one."""

    is_used_up = False
    held_bytes = 0

    def __init__(self, start: Position) -> None:
        self._position = start

    async def look(self, skip: int, max_rows: int) -> tuple[list[Row] | None, int]:  # noqa: ARG002
        """As many calls as are wanted; see `Source.look`."""
        return None, max_rows

    def advance(self, count: int) -> Position:
        """Count calls; see `Source.advance`."""
        start = self._position
        self._position = Position(start.offset, start.line, start.row + count)
        return self._position

    def forget(self) -> None:
        """There is nothing to forget."""


def position_after(record: LogRecord) -> Position:
    """Where a record of the log leaves its task."""
    return Position(record.offset, record.line, record.row)
