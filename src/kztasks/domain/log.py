"""The commit log of a running task: what one record holds and how records hang together.

A record becomes durable as one insert, keyed by task and sequence number; that insert is the only
write that decides anything. Each record carries a checksum over its predecessor's, so that a gap or
a change shows when the output is put together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from kztasks.domain.header import OutputHeader
from kztasks.domain.task import AttachedFile


class RecordKind(StrEnum):
    """What a record stands for."""

    BEGIN = "begin"
    """Seq 0: the output header, decided once for the whole task."""
    BATCH = "batch"
    """Rows that were run, with everything that follows from them."""
    END = "end"
    """Nothing comes after it; says how the task ended."""


class EndCause(StrEnum):
    """Why no further row is run."""

    COMPLETED = "completed"
    """The input is used up, or the handler said `stop`."""
    CRASHED = "crashed"
    """The handler crashed, and the action does not say `on_crash: continue`."""
    STOPPED = "stopped"
    """Somebody asked to stop the task."""
    FAULT = "fault"
    """The service cannot go on; `reason` tells the operator why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One record. Offsets, row number and counts are those after the record, from the start on.

    `output` holds CSV lines of the columns `columns` (indexes into the header) alone: columns that
    nothing in this record wrote are left out, which makes the removal of never-written columns a
    matter of concatenation.
    """

    task_id: str
    seq: int
    epoch: int
    kind: RecordKind
    offset: int
    """Byte offset in `in.csv` where the next row begins."""
    line: int
    """Line number in `in.csv` where the next row begins."""
    row: int
    """Number of rows (or calls) that were run."""
    data: str | None
    """The handler's `Data` as JSON text; `None` is `init`."""
    failed: int
    succeeded: int
    header: OutputHeader | None = None
    columns: tuple[int, ...] = ()
    written: tuple[int, ...] = ()
    """Columns in which any row so far has a defined cell, from the start on."""
    output: bytes = b""
    failed_rows: tuple[int, ...] = ()
    """Rows of this record that failed, by their number in the input (or of the call)."""
    failed_lines: tuple[int, ...] = ()
    """Lines of `output` that were written for failed rows, counted from 0."""
    attached: AttachedFile | None = None
    """A file that the action produced out of band, from the record on that it came with."""
    cause: EndCause | None = None
    """On the last batch and on the end: why no further row is run."""
    reason: str | None = None
    app: str | None = None
    """Name, version and instance of the app that ran the rows."""
    attempts: int = 1
    sha: str = ""

    @property
    def is_end(self) -> bool:
        """Whether the log is complete with this record."""
        return self.kind is RecordKind.END


ROOT_SHA: Final = "0" * 64
"""The checksum that the first record builds on."""


def seal(record: LogRecord, previous_sha: str) -> LogRecord:
    """The record with its checksum over `previous_sha` and everything that it decides.

    Epoch, app, attempts and the id of an attached file are left out: two owners that did the same
    work wrote the same record.
    """
    digest = hashlib.sha256(previous_sha.encode())
    header = record.header.to_json() if record.header is not None else ""
    decided = (
        record.task_id, record.seq, record.kind.value, record.offset, record.line, record.row,
        record.data, record.failed, record.succeeded, header, record.columns, record.written,
        record.cause and record.cause.value, record.reason,
        record.failed_rows, record.failed_lines,
        record.attached and (record.attached.name, record.attached.size, record.attached.sha256),
    )  # fmt: skip
    digest.update(repr(decided).encode())
    digest.update(record.output)
    return replace(record, sha=digest.hexdigest())


def is_sealed(record: LogRecord, previous_sha: str) -> bool:
    """Whether the record's checksum fits its content and its predecessor."""
    return seal(record, previous_sha).sha == record.sha
