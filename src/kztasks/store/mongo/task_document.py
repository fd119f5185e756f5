"""A task as the document that lies in the collection `tasks`, and back. Pure.

Documents carry the original's `pvt_` names, because dashboards read them, and ours without the
prefix. A value that is undefined is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NotRequired, Required, TypedDict

from kztasks.domain.retention import Part
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import AttachedFile, InputFile, OutputFile, Owner, Task, attachments
from kztasks.errors import Misconfigured


class OwnerDocument(TypedDict):
    """`node` is null once the task was released.

    `claim` names the call that claimed the task, until another node takes it over.
    """

    node: str | None
    epoch: int
    claim: NotRequired[str]


class InputDocument(TypedDict):
    """`InputFile`."""

    file_id: str
    columns: list[str]
    size: int
    body_offset: int
    body_line: int
    sha256: str


class OutputDocument(TypedDict):
    """`OutputFile`."""

    file_id: str
    size: int
    sha256: str


class AttachedDocument(TypedDict):
    """`AttachedFile`."""

    name: str
    file_id: str
    size: int
    sha256: str


class TaskDocument(TypedDict, total=False):
    """A document of the collection `tasks`; times are Gregorian seconds."""

    _id: Required[str]
    pvt_type: Required[str]
    pvt_account_id: Required[str]
    pvt_auth_account_id: Required[str]
    pvt_category: Required[str]
    pvt_action: Required[str]
    pvt_created: Required[int]
    pvt_modified: Required[int]
    pvt_status: Required[str]
    pvt_file_name: str
    pvt_started_at: int
    pvt_ended_at: int
    pvt_total_rows: int
    pvt_total_rows_failed: int
    pvt_total_rows_succeeded: int
    pvt_worker_node: str
    created_key: Required[str]
    """`created_key()`, the order of lists; one field, so that one index serves a page."""
    owner: OwnerDocument
    stop_requested: Required[bool]
    rescues: Required[int]
    input: InputDocument
    output: OutputDocument
    attached: AttachedDocument
    attachments: Required[list[str]]
    """Names of the files that can be downloaded, for dashboards."""
    reason: str
    waiting_for: str
    cleanup_due: bool
    """Set with the final status, until the cleanup hook was called."""
    removed: list[str]
    """`log`, `files`: what was removed after its time."""
    final_since: datetime
    """When the task ended by the database's clock, the only one that retention looks at."""
    log_kept_since: datetime
    """The same, until the log is removed."""
    files_kept_since: datetime
    """The same, until the files are removed."""


TASK_FIELDS: Final[Mapping[str, str]] = {
    "file_name": "pvt_file_name",
    "started_at": "pvt_started_at",
    "ended_at": "pvt_ended_at",
    "total_rows": "pvt_total_rows",
    "failed": "pvt_total_rows_failed",
    "succeeded": "pvt_total_rows_succeeded",
    "worker_node": "pvt_worker_node",
    "reason": "reason",
    "waiting_for": "waiting_for",
}
"""The plain fields of a task that may be undefined, with their names in the document."""


def created_key(created: int, task_id: str) -> str:
    """A text that sorts as (`created`, `task_id`) does, on either server."""
    return f"{created:012d}:{task_id}"


def task_document(task: Task) -> TaskDocument:
    """A whole task, as it is first stored."""
    document: dict[str, Any] = {
        "_id": task.id,
        "pvt_type": "task",
        "pvt_account_id": task.account_id,
        "pvt_auth_account_id": task.auth_account_id,
        "pvt_category": task.category,
        "pvt_action": task.action,
        "pvt_created": task.created,
        "pvt_modified": task.modified,
        "pvt_status": task.status.value,
        "created_key": created_key(task.created, task.id),
        "owner": task.owner and OwnerDocument(node=task.owner.node, epoch=task.owner.epoch),
        "stop_requested": task.stop_requested,
        "rescues": task.rescues,
        "input": task.input and input_document(task.input),
        "output": task.output and output_document(task.output),
        "attached": task.attached and attached_document(task.attached),
        "attachments": attachments(task),
        "removed": sorted(task.removed) or None,
    }
    document |= {stored: getattr(task, name) for name, stored in TASK_FIELDS.items()}
    defined: Any = {name: value for name, value in document.items() if value is not None}
    stored_task: TaskDocument = defined
    return stored_task


def input_document(file: InputFile) -> InputDocument:
    """The description of an `in.csv`."""
    return {
        "file_id": file.file_id,
        "columns": list(file.columns),
        "size": file.size,
        "body_offset": file.body_offset,
        "body_line": file.body_line,
        "sha256": file.sha256,
    }


def output_document(file: OutputFile) -> OutputDocument:
    """The description of an `out.csv`."""
    return {"file_id": file.file_id, "size": file.size, "sha256": file.sha256}


def attached_document(file: AttachedFile) -> AttachedDocument:
    """The description of a file that an action produced."""
    return {
        "name": file.name,
        "file_id": file.file_id,
        "size": file.size,
        "sha256": file.sha256,
    }


def task_of(document: TaskDocument) -> Task:
    """The inverse of `task_document`.

    Raises:
        Misconfigured: the document is none of ours.
    """
    owner, file, output = document.get("owner"), document.get("input"), document.get("output")
    attached = document.get("attached")
    plain: dict[str, Any] = {name: document.get(stored) for name, stored in TASK_FIELDS.items()}
    try:
        return Task(
            id=document["_id"],
            account_id=document["pvt_account_id"],
            auth_account_id=document["pvt_auth_account_id"],
            category=document["pvt_category"],
            action=document["pvt_action"],
            created=document["pvt_created"],
            modified=document["pvt_modified"],
            status=TaskStatus(document["pvt_status"]),
            owner=Owner(owner["node"], owner["epoch"]) if owner else None,
            stop_requested=document["stop_requested"],
            rescues=document["rescues"],
            input=input_file(file) if file else None,
            output=OutputFile(**output) if output else None,
            attached=AttachedFile(**attached) if attached else None,
            removed=frozenset(map(Part, document.get("removed", ()))),
            **plain,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"task {document.get('_id')!r} was not stored by kztasks") from error


def input_file(document: InputDocument) -> InputFile:
    """The inverse of `input_document`."""
    return InputFile(
        file_id=document["file_id"],
        columns=tuple(document["columns"]),
        size=document["size"],
        body_offset=document["body_offset"],
        body_line=document["body_line"],
        sha256=document["sha256"],
    )
