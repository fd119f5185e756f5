"""A log record as the document that lies in the collection `log`, and back. Pure.

Names are short, as there are millions of these documents. What is undefined is not written.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict

from kztasks.domain.header import OutputHeader
from kztasks.domain.log import EndCause, LogRecord, RecordKind
from kztasks.domain.task import AttachedFile
from kztasks.errors import LogBroken
from kztasks.store.mongo.task_document import AttachedDocument, attached_document


class CountsDocument(TypedDict):
    """Rows counted from the start of the task on."""

    failed: int
    succeeded: int


class LogDocument(TypedDict, total=False):
    """A document of the collection `log`."""

    _id: Required[str]
    """`log_id()`: unique, and with that the only guard that safety rests on."""
    t: Required[str]
    seq: Required[int]
    ep: Required[int]
    kind: Required[str]
    off: Required[int]
    line: Required[int]
    row: Required[int]
    counts: Required[CountsDocument]
    cols: Required[list[int]]
    written: Required[list[int]]
    out: Required[bytes]
    att: Required[int]
    sha: Required[str]
    data: str
    header: str
    cause: str
    reason: str
    app: str
    file: AttachedDocument
    failed_rows: list[int]
    failed_lines: list[int]


def log_id(task_id: str, seq: int) -> str:
    """The `_id` of a log record; sorts by seq within a task."""
    return f"{task_id}:{seq:010d}"


def log_document(record: LogRecord) -> LogDocument:
    """A log record as it is stored, once and for all."""
    document: LogDocument = {
        "_id": log_id(record.task_id, record.seq),
        "t": record.task_id,
        "seq": record.seq,
        "ep": record.epoch,
        "kind": record.kind.value,
        "off": record.offset,
        "line": record.line,
        "row": record.row,
        "counts": {"failed": record.failed, "succeeded": record.succeeded},
        "cols": list(record.columns),
        "written": list(record.written),
        "out": record.output,
        "att": record.attempts,
        "sha": record.sha,
    }
    optional: dict[str, Any] = {
        "data": record.data,
        "header": record.header and record.header.to_json(),
        "cause": record.cause and record.cause.value,
        "reason": record.reason,
        "app": record.app,
        "file": record.attached and attached_document(record.attached),
        "failed_rows": list(record.failed_rows) or None,
        "failed_lines": list(record.failed_lines) or None,
    }
    defined: Any = {name: value for name, value in optional.items() if value is not None}
    document.update(defined)
    return document


def log_record(document: LogDocument) -> LogRecord:
    """The inverse of `log_document`.

    Raises:
        LogBroken: the document is no log record.
    """
    header, cause = document.get("header"), document.get("cause")
    attached = document.get("file")
    try:
        return LogRecord(
            task_id=document["t"],
            seq=document["seq"],
            epoch=document["ep"],
            kind=RecordKind(document["kind"]),
            offset=document["off"],
            line=document["line"],
            row=document["row"],
            failed=document["counts"]["failed"],
            succeeded=document["counts"]["succeeded"],
            columns=tuple(document["cols"]),
            written=tuple(document["written"]),
            output=bytes(document["out"]),
            attempts=document["att"],
            sha=document["sha"],
            data=document.get("data"),
            header=OutputHeader.from_json(header) if header is not None else None,
            cause=EndCause(cause) if cause is not None else None,
            reason=document.get("reason"),
            app=document.get("app"),
            failed_rows=tuple(document.get("failed_rows", ())),
            failed_lines=tuple(document.get("failed_lines", ())),
            attached=AttachedFile(**attached) if attached is not None else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LogBroken(f"log record {document.get('_id')!r} cannot be read") from error
