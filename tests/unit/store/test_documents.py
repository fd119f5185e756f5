"""Tasks and log records come back from their documents as they were."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import bson
from hypothesis import given
from hypothesis import strategies as st

from kztasks.domain.header import OutputHeader
from kztasks.domain.log import EndCause, LogRecord, RecordKind
from kztasks.domain.retention import Part
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import AttachedFile, InputFile, OutputFile, Owner, Task
from kztasks.store.mongo.log_document import LogDocument, log_document, log_id, log_record
from kztasks.store.mongo.task_document import (
    TaskDocument,
    created_key,
    task_document,
    task_of,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NUMBERS = st.integers(0, 2**63 - 1)
TIMES = st.integers(0, 10**12 - 1)
COLUMNS = st.lists(TEXTS, max_size=4).map(tuple)
INDEXES = st.lists(st.integers(0, 999), max_size=4).map(tuple)

ATTACHED = st.none() | st.builds(
    AttachedFile, name=TEXTS, file_id=TEXTS, size=NUMBERS, sha256=TEXTS
)

TASK_VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("id", "account_id", "auth_account_id", "category", "action"), TEXTS),
    **dict.fromkeys(("created", "modified"), TIMES),
    **dict.fromkeys(("file_name", "worker_node", "reason", "waiting_for"), st.none() | TEXTS),
    **dict.fromkeys(("started_at", "ended_at"), st.none() | TIMES),
    **dict.fromkeys(("total_rows", "failed", "succeeded"), st.none() | NUMBERS),
    "status": st.sampled_from(TaskStatus),
    "owner": st.none() | st.builds(Owner, st.none() | TEXTS, NUMBERS),
    "stop_requested": st.booleans(),
    "rescues": NUMBERS,
    "input": st.none()
    | st.builds(InputFile, file_id=TEXTS, columns=COLUMNS, size=NUMBERS, body_offset=NUMBERS,
                body_line=NUMBERS, sha256=TEXTS),
    "output": st.none() | st.builds(OutputFile, file_id=TEXTS, size=NUMBERS, sha256=TEXTS),
    "attached": ATTACHED,
    "removed": st.frozensets(st.sampled_from([Part.LOG, Part.FILES])),
}  # fmt: skip

RECORD_VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("task_id", "sha"), TEXTS),
    **dict.fromkeys(("epoch", "offset", "line", "row", "failed", "succeeded"), NUMBERS),
    **dict.fromkeys(("data", "reason", "app"), st.none() | TEXTS),
    **dict.fromkeys(("columns", "written"), INDEXES),
    "seq": st.integers(0, 10**10 - 1),
    "attempts": NUMBERS,
    "kind": st.sampled_from(RecordKind),
    "header": st.none() | st.builds(OutputHeader, COLUMNS, COLUMNS, st.booleans()),
    "output": st.binary(max_size=100),
    "attached": ATTACHED,
    **dict.fromkeys(("failed_rows", "failed_lines"), INDEXES),
    "cause": st.none() | st.sampled_from(EndCause),
}


def sent(document: Any) -> Any:
    """What the database hands back."""
    return bson.decode(bson.encode(document))


def test_every_field_is_tried() -> None:
    assert set(TASK_VALUES) == {field.name for field in fields(Task)}
    assert set(RECORD_VALUES) == {field.name for field in fields(LogRecord)}


@given(st.builds(Task, **TASK_VALUES))
def test_a_task_comes_back_as_it_was(task: Task) -> None:
    document: TaskDocument = sent(task_document(task))
    assert task_of(document) == task


@given(st.builds(Task, **TASK_VALUES))
def test_a_task_document_has_no_undefined_values_and_lists_its_files(task: Task) -> None:
    document = task_document(task)
    assert None not in document.values()
    assert ("in.csv" in document["attachments"]) == (task.input is not None)
    assert ("out.csv" in document["attachments"]) == (task.output is not None)


@given(st.builds(LogRecord, **RECORD_VALUES))
def test_a_log_record_comes_back_as_it_was(record: LogRecord) -> None:
    document: LogDocument = sent(log_document(record))
    assert log_record(document) == record
    assert None not in document.values()


@given(st.tuples(TIMES, TEXTS), st.tuples(TIMES, TEXTS))
def test_the_key_of_lists_sorts_as_time_and_id_do(
    one: tuple[int, str], other: tuple[int, str]
) -> None:
    assert (created_key(*one) < created_key(*other)) == (one < other)


@given(TEXTS, st.integers(0, 10**10 - 1), st.integers(0, 10**10 - 1))
def test_the_id_of_a_log_record_sorts_by_seq(task_id: str, one: int, other: int) -> None:
    assert (log_id(task_id, one) < log_id(task_id, other)) == (one < other)
