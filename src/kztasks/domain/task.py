"""A task as the service holds it in memory, and its public JSON."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from kztasks.domain.retention import Part
from kztasks.domain.status import TaskStatus


def new_task_id() -> str:
    """30 lower-case hexadecimal characters, as the original makes them."""
    return secrets.token_hex(15)


@dataclass(frozen=True, slots=True)
class Owner:
    """The scheduler that may run a task. `node` is `None` once it was released.

    `epoch` grows by one with every change of owner; two owners never share one.
    """

    node: str | None
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """The stored `in.csv` of a task, validated when it was uploaded.

    `body_offset` and `body_line` are the byte offset and the line number where the first row after
    the header begins.
    """

    file_id: str
    columns: tuple[str, ...]
    size: int
    body_offset: int
    body_line: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """The stored `out.csv` of a task that has ended."""

    file_id: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that the action produced out of band, stored under its own name."""

    name: str
    file_id: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task. Times are Gregorian seconds. Counts are a projection of the commit log."""

    id: str
    account_id: str
    auth_account_id: str
    category: str
    action: str
    created: int
    modified: int
    file_name: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    total_rows: int | None = None
    failed: int | None = None
    succeeded: int | None = None
    status: TaskStatus = TaskStatus.PENDING
    worker_node: str | None = None
    owner: Owner | None = None
    stop_requested: bool = False
    rescues: int = 0
    input: InputFile | None = None
    output: OutputFile | None = None
    attached: AttachedFile | None = None
    reason: str | None = None
    """Why the task ended as it did, where the status alone does not say it."""
    waiting_for: str | None = None
    """What a running task waits for, such as an app that serves its action."""
    removed: frozenset[Part] = frozenset()
    """What was removed of it because the time for which that is kept is over."""

    @property
    def is_output_in_log(self) -> bool:
        """Whether it ran and ended, but the only copy of its `out.csv` is in its log."""
        has_run = self.status.is_final and self.owner is not None
        return has_run and self.output is None and not self.removed


def public_json(task: Task) -> dict[str, object]:
    """The task as Kazoo's API shows it, without the envelope; undefined keys are left out."""
    shown: dict[str, object] = {
        "id": task.id,
        "node": task.worker_node,
        "account_id": task.account_id,
        "auth_account_id": task.auth_account_id,
        "category": task.category,
        "action": task.action,
        "file_name": task.file_name,
        "created": task.created,
        "start_timestamp": task.started_at,
        "end_timestamp": task.ended_at,
        "total_count": task.total_rows,
        "failure_count": task.failed,
        "success_count": task.succeeded,
        "status": task.status.value,
        "reason": task.reason,
        "waiting_for": task.waiting_for,
        "rescues": task.rescues or None,
    }
    return {key: value for key, value in shown.items() if value is not None}


def downloads(task: Task) -> list[str]:
    """Names of the files that can be downloaded, as `csvs` in Kazoo's replies."""
    return [*stored_files(task), *(["out.csv"] if task.is_output_in_log else [])]


def attachments(task: Task) -> list[str]:
    """Names of the stored files."""
    return list(stored_files(task))


def stored_files(task: Task) -> dict[str, InputFile | OutputFile | AttachedFile]:
    """The task's files by name."""
    files: dict[str, InputFile | OutputFile | AttachedFile] = {}
    if task.input is not None:
        files["in.csv"] = task.input
    if task.output is not None:
        files["out.csv"] = task.output
    if task.attached is not None:
        files[task.attached.name] = task.attached
    return files
