"""The rows of a task that failed: as lines of its output, and as the input of a new task.

Both are read from the task's log while they are sent, in constant memory, and may be asked for
while the task runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from kztasks.api.refusals import FileExpired, NoSuchFile
from kztasks.api.submission import Submission
from kztasks.csvio import CsvReader, encode_row, encode_rows
from kztasks.domain.lines import kept_columns, pick
from kztasks.domain.log import LogRecord, RecordKind
from kztasks.domain.retention import Part
from kztasks.domain.task import InputFile, Task
from kztasks.store.interface import Download, Store

NAME: Final = "errors.csv"

_READ_BYTES: Final = 256 * 1024
_ROWS_AT_ONCE: Final = 1000


async def failed_lines(store: Store, task: Task) -> AsyncIterator[bytes]:
    """The header of `out.csv`, and the lines of it that were written for failed rows.

    Raises:
        NoSuchFile: the task has not begun.
        FileExpired: its log is not kept any more. Both are known before the first byte.
    """
    if Part.LOG in task.removed:
        raise FileExpired(task.id, NAME)
    head = await store.log.head(task.id)
    if head is None:
        raise NoSuchFile(task.id, NAME)
    return _lines(store, head)


async def _lines(store: Store, head: LogRecord) -> AsyncIterator[bytes]:
    kept: tuple[int, ...] = ()
    async for record in store.log.records(head.task_id):
        if record.kind is RecordKind.BEGIN and record.header is not None:
            kept = kept_columns(head.written, len(record.header.columns))
            yield encode_row([record.header.columns[index] for index in kept])
        elif record.failed_lines:
            yield pick(record.output, record.columns, kept, set(record.failed_lines))
        if record.seq == head.seq:
            return


class FailedRows:
    """The failed rows of a task as what a client would send to create a new one.

    Args:
        store: where its input and its log are.
        task: the task; it has an input.
        file: its input.
    """

    def __init__(self, store: Store, task: Task, file: InputFile) -> None:
        self._store = store
        self._task = task
        self._file = file

    async def submission(self) -> Submission:
        """The CSV, made while it is read."""
        return Submission(self._task.file_name, self._csv())

    async def _csv(self) -> AsyncIterator[bytes]:
        yield encode_row(list(self._file.columns))
        numbers = self._numbers()
        wanted = await anext(numbers, None)
        if wanted is None:
            return
        file = self._file
        download = await self._store.files.download(file.file_id, offset=file.body_offset)
        reader = CsvReader(width=len(file.columns), line=file.body_line)
        async for first, rows in _batches(reader, download):
            picked = []
            for number, row in enumerate(rows, first):
                if number == wanted:
                    picked.append(row)
                    wanted = await anext(numbers, None)
            if picked:
                yield encode_rows(picked)
            if wanted is None:
                return

    async def _numbers(self) -> AsyncIterator[int]:
        async for record in self._store.log.records(self._task.id):
            for number in record.failed_rows:
                yield number


async def _batches(
    reader: CsvReader, download: Download
) -> AsyncIterator[tuple[int, list[list[str | None]]]]:
    """The rows of a CSV, some at a time, with the number of the first of them."""
    while not reader.at_end:
        if not reader.pending:
            data = await download.read(_READ_BYTES)
            if data:
                reader.feed(data)
            else:
                reader.close()
            continue
        first = reader.row_number + 1
        rows = reader.take(_ROWS_AT_ONCE).rows
        if rows:
            yield first, rows
