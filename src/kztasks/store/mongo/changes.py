"""What each change of a task writes, as update documents. Pure.

A value that becomes undefined is removed, as undefined values are not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kztasks.domain.retention import Part
from kztasks.domain.status import TaskStatus
from kztasks.domain.task import Owner, Task
from kztasks.store.aftermath import Redelivery
from kztasks.store.interface import Ending, View
from kztasks.store.mongo.task_document import attached_document, output_document

Update = dict[str, dict[str, object]]

KEPT_SINCE: Final[Mapping[Part, str]] = {
    Part.LOG: "log_kept_since",
    Part.FILES: "files_kept_since",
}
"""The fields of a task that has ended which say that a part of it is still there."""

_OF_FILES: Final = ("input", "output", "attached")


def claimed(*, node: str, worker: str, now: int, claim: str) -> Update:
    """Pending to executing; `claim` is no other call's."""
    return _written(
        {
            "pvt_status": TaskStatus.EXECUTING.value,
            "pvt_started_at": now,
            "pvt_worker_node": worker,
            "owner": {"node": node, "epoch": 1, "claim": claim},
        },
        now,
    )


def taken_over(*, owner: Owner, worker: str, rescued: bool, now: int) -> Update:
    """To another owner."""
    update = _written(
        {"owner": {"node": owner.node, "epoch": owner.epoch}, "pvt_worker_node": worker}, now
    )
    return update | {"$inc": {"rescues": 1}} if rescued else update


def stop_requested(now: int) -> Update:
    """Still executing, until the owner sees it."""
    return {"$set": {"stop_requested": True, "pvt_modified": now}}


def viewed(view: View, now: int) -> Update:
    """Progress for people."""
    return _written(
        {
            "pvt_total_rows_failed": view.failed,
            "pvt_total_rows_succeeded": view.succeeded,
            "waiting_for": view.waiting_for,
        },
        now,
    )


def released(now: int) -> Update:
    """To nobody, under the same epoch."""
    return {"$set": {"owner.node": None, "pvt_modified": now}}


def ended(ending: Ending) -> Update:
    """Executing to final; from now on its times of retention run."""
    update = _written(
        {
            "pvt_status": ending.status.value,
            "pvt_ended_at": ending.ended_at,
            "pvt_total_rows_failed": ending.failed,
            "pvt_total_rows_succeeded": ending.succeeded,
            "output": ending.output and output_document(ending.output),
            "attached": ending.attached and attached_document(ending.attached),
            "reason": ending.reason,
            "waiting_for": None,
            "cleanup_due": ending.is_cleanup_due or None,
        },
        ending.ended_at,
    )
    update["$currentDate"] = dict.fromkeys(("final_since", *KEPT_SINCE.values()), True)
    named = ["out.csv"] if ending.output is not None else []
    if ending.attached is not None:
        named.append(ending.attached.name)
    return update | {"$addToSet": {"attachments": {"$each": named}}} if named else update


def is_ended_as(task: Task, epoch: int, ending: Ending) -> bool:
    """Whether this very ending was written before.

    Its reason does not count: whoever calls the cleanup may have added to it since.
    """
    written = (task.status, task.ended_at, task.failed, task.succeeded, task.output, task.attached)
    wanted = (
        ending.status, ending.ended_at, ending.failed, ending.succeeded, ending.output,
        ending.attached,
    )  # fmt: skip
    return task.owner is not None and task.owner.epoch == epoch and written == wanted


def explained(reason: str, now: int) -> Update:
    """Final as before, with another reason."""
    return {"$set": {"reason": reason, "pvt_modified": now}}


def redelivered(to: Redelivery, now: int) -> Update:
    """Final, with an output that was not stored at first."""
    update = _written(
        {
            "pvt_status": to.status.value,
            "output": output_document(to.output),
            "reason": to.reason,
        },
        now,
    )
    return update | {"$addToSet": {"attachments": "out.csv"}}


def removed(part: Part) -> Update:
    """Final as before, but a part of it is kept no longer. Once: the guard asks for what is unset.

    The embedded server ignores `$addToSet` to a list that is not there.
    """
    update: Update = {
        "$push": {"removed": part.value},
        "$unset": {KEPT_SINCE[part]: ""},
    }
    if part is Part.FILES:
        update["$unset"] |= dict.fromkeys(_OF_FILES, "")
        update["$set"] = {"attachments": []}
    return update


def _written(values: Mapping[str, object], now: int) -> Update:
    update: Update = {"$set": {"pvt_modified": now}}
    for name, value in values.items():
        if value is None:
            update.setdefault("$unset", {})[name] = ""
        else:
            update["$set"][name] = value
    return update
