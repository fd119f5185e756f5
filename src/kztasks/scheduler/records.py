"""The records that follow the head of a log: a batch that was run, or the end."""

from __future__ import annotations

from dataclasses import dataclass

from kztasks.domain.batch import BatchOutcome
from kztasks.domain.log import EndCause, LogRecord, RecordKind, seal
from kztasks.domain.outcome import End
from kztasks.domain.task import AttachedFile
from kztasks.scheduler.source import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a batch was run: the last `Data`, what it left behind, by which app, in which attempt."""

    data: str | None
    app: str | None = None
    attempts: int = 1
    attached: AttachedFile | None = None


def batch_record(
    head: LogRecord, epoch: int, outcome: BatchOutcome, position: Position, ran: Ran
) -> LogRecord:
    """The record of a batch that was run after `head`.

    Args:
        head: what the batch was built on.
        epoch: of the owner that writes it.
        outcome: what its returns add to the task.
        position: where the next row begins.
        ran: how it was run.
    """
    record = LogRecord(
        task_id=head.task_id,
        seq=head.seq + 1,
        epoch=epoch,
        kind=RecordKind.BATCH,
        offset=position.offset,
        line=position.line,
        row=position.row,
        data=ran.data,
        failed=head.failed + outcome.failed,
        succeeded=head.succeeded + outcome.succeeded,
        columns=outcome.columns,
        written=_union(head.written, outcome.written),
        output=outcome.output,
        failed_rows=tuple(head.row + 1 + index for index in outcome.failed_rows),
        failed_lines=outcome.failed_lines,
        attached=ran.attached,
        cause=_cause(outcome.end),
        reason=outcome.reason,
        app=ran.app,
        attempts=ran.attempts,
    )
    return seal(record, head.sha)


def end_record(
    head: LogRecord, epoch: int, cause: EndCause, reason: str | None = None
) -> LogRecord:
    """The end of a log after `head`, with the reason for people, if there is one."""
    record = LogRecord(
        task_id=head.task_id,
        seq=head.seq + 1,
        epoch=epoch,
        kind=RecordKind.END,
        offset=head.offset,
        line=head.line,
        row=head.row,
        data=head.data,
        failed=head.failed,
        succeeded=head.succeeded,
        written=head.written,
        attached=head.attached,
        cause=cause,
        reason=reason,
    )
    return seal(record, head.sha)


def _union(before: tuple[int, ...], now: tuple[int, ...]) -> tuple[int, ...]:
    return before if set(now) <= set(before) else tuple(sorted({*before, *now}))


def _cause(end: End | None) -> EndCause | None:
    match end:
        case End.STOP:
            return EndCause.COMPLETED
        case End.CRASH:
            return EndCause.CRASHED
        case End.FAULT:
            return EndCause.FAULT
        case None:
            return None
