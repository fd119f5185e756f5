"""`out.csv` and the final status, made from the records of a task's log. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kztasks.csvio import encode_row
from kztasks.domain.header import OutputHeader
from kztasks.domain.lines import kept_columns, project
from kztasks.domain.log import ROOT_SHA, EndCause, LogRecord, RecordKind, is_sealed
from kztasks.domain.status import TaskStatus, final_status
from kztasks.errors import LogBroken


async def output_parts(records: AsyncIterator[LogRecord], head: LogRecord) -> AsyncIterator[bytes]:
    """The bytes of `out.csv`, one part for each record that has any.

    Args:
        records: of a task's log, in order, from the first one on.
        head: the end record.

    Raises:
        LogBroken: a record is missing or was changed; nothing is cut short silently.
    """
    header: OutputHeader | None = None
    kept: tuple[int, ...] = ()
    sha, expected = ROOT_SHA, 0
    async for record in records:
        if record.seq != expected or not is_sealed(record, sha):
            raise LogBroken(f"the log of the task breaks at record {expected}")
        sha, expected = record.sha, expected + 1
        if record.kind is RecordKind.BEGIN and record.header is not None:
            header = record.header
            kept = kept_columns(head.written, len(header.columns))
            yield encode_row([header.columns[index] for index in kept])
        elif record.output:
            yield project(record.output, record.columns, kept)
    if expected != head.seq + 1 or sha != head.sha or header is None:
        raise LogBroken(f"the log of the task has {expected} of {head.seq + 1} records")


def status_of(head: LogRecord, total: int | None) -> tuple[TaskStatus, str | None]:
    """The final status by the log, and why if the log itself does not say it.

    Args:
        head: the end record.
        total: rows of the input; `None` for a task without input.
    """
    match head.cause:
        case EndCause.STOPPED:
            return TaskStatus.STOPPED, None
        case EndCause.FAULT:
            return TaskStatus.INTERNAL_ERROR, None
        case _:
            status = final_status(total=total, failed=head.failed, succeeded=head.succeeded)
            if status is not TaskStatus.INTERNAL_ERROR:
                return status, None
            counts = f"{head.failed} failed, {head.succeeded} succeeded"
            return status, f"the counts contradict the {total} rows of in.csv: {counts}"
