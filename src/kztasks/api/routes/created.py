"""The answer to whoever has created a task."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request

from kztasks.api.context import context_of
from kztasks.api.envelope import KazooResponse
from kztasks.api.idempotency import Answer
from kztasks.api.services import services_of


def created(request: Request, answer: Answer, tasks: str) -> KazooResponse:
    """201 and where the task is; 200 to a method in a POST, as Kazoo says.

    Args:
        request: of the client.
        answer: to it, or to an earlier one under its key.
        tasks: path of the tasks among which the new one is.
    """
    context = context_of(request)
    task = answer.data.get("_read_only")
    task_id = task["id"] if isinstance(task, dict) else ""
    headers = {"Location": f"{tasks}/{task_id}"}
    if answer.is_replayed:
        headers["Idempotency-Replayed"] = "true"
    refused = answer.start_refused
    return services_of(request).envelopes.success(
        context,
        answer.data,
        status=HTTPStatus.OK if context.tunnelled else HTTPStatus.CREATED,
        more={"start_refused": refused} if refused else None,
        headers=headers,
    )
