"""The message that asks an app to run a batch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from kztasks.csvio import Row
from kztasks.domain.log import LogRecord
from kztasks.domain.outcome import Rules
from kztasks.domain.task import Task
from tasks_bindings.wire import codec


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A batch, encoded but for the number of the attempt."""

    task_id: str
    epoch: int
    seq: int
    category: str
    action: str
    rows: int
    hash: str
    fields: dict[str, object]

    def body(self, attempt: int, row_timeout_s: float | None = None) -> bytes:
        """The message for the wire.

        Args:
            attempt: the how manieth, from 1.
            row_timeout_s: seconds that whoever sends it waits for a single row.

        Raises:
            MessageTooLarge: its rows and `Data` are over the limit for a message.
        """
        fields = {**self.fields, "attempt": attempt}
        if row_timeout_s is not None:
            fields["row_timeout_ms"] = max(1, round(row_timeout_s * 1000))
        return codec.encode_plain(fields)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows that were read and encoded for a batch.

    Attributes:
        skip: rows between the last one that is behind and its first one.
    """

    skip: int
    rows: list[Row] | None
    count: int
    encoded: bytes


def batch_request(
    task: Task,
    epoch: int,
    seq: int,
    head: LogRecord,
    prepared: Prepared,
    *,
    rules: Rules,
    pause_s: float,
    work_ms: int,
    max_data_bytes: int,
    alone: bool,
) -> BatchRequest:
    """The request for a batch that follows `head`, or others that are out.

    Its hash covers the rows and `Data`: the same work has the same hash, whoever asks for it.

    Args:
        task: whose rows they are.
        epoch: of the owner that asks.
        seq: number of the batch, that of its record if all before it is run as it was sent.
        head: the last record.
        prepared: its rows.
        rules: of the task.
        pause_s: pause between two rows, in seconds.
        work_ms: after so long the app answers with what it has.
        max_data_bytes: largest `Data` that it may answer with.
        alone: the app runs nothing beside it.
    """
    digest = hashlib.sha256(prepared.encoded)
    digest.update(repr((prepared.count, head.data, rules.input_columns)).encode())
    fields: dict[str, object] = {
        "v": codec.VERSION,
        "task_id": task.id,
        "epoch": epoch,
        "seq": seq,
        "category": task.category,
        "action": task.action,
        "account_id": task.account_id,
        "auth_account_id": task.auth_account_id,
        "first_row": head.row + prepared.skip + 1,
        "data": head.data,
        "pause_ms": round(pause_s * 1000),
        "work_ms": work_ms,
        "max_data_bytes": max_data_bytes,
        "hash": digest.hexdigest(),
    }
    if alone:
        fields["alone"] = True
    if prepared.rows is None:
        fields["calls"] = prepared.count
        fields["width"] = rules.width
    else:
        fields["columns"] = rules.input_columns
        fields["rows"] = orjson.Fragment(prepared.encoded)
    return BatchRequest(
        task.id, epoch, seq, task.category, task.action, prepared.count,
        digest.hexdigest(), fields,
    )  # fmt: skip
