"""One task: read, start, stop, remove."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from kztasks.api.auth import AccessDep
from kztasks.api.content import wants_csv
from kztasks.api.context import context_of
from kztasks.api.download import send_csv
from kztasks.api.envelope import KazooResponse
from kztasks.api.models import TaskEnvelope
from kztasks.api.routes import examples, parameters
from kztasks.api.routes.answers import account_answers, csv_answers
from kztasks.api.routes.parameters import ACCEPT, CSV_NAME, DOWNLOAD
from kztasks.api.service import read_json
from kztasks.api.services import services_of
from kztasks.api.values import values_of
from kztasks.kazoo.messages import TaskJson

router = APIRouter(tags=["tasks"])

_PAGE_OF_ONE: Final = {"page_size": 1}


@router.get(
    "/{task_id}",
    operation_id="get_task",
    response_model=None,
    responses=csv_answers(TaskEnvelope, examples.success(examples.read_only(), page_size=1)),
    openapi_extra=parameters.parameters(ACCEPT, CSV_NAME, *DOWNLOAD),
)
async def read(request: Request, access: AccessDep, task_id: str) -> Response:
    """A task, or one of its CSVs if `Accept` (or `accept` in the query) names a CSV type first."""
    values = await values_of(request)
    if wants_csv(request.headers.get("accept"), values.text("accept")):
        name = values.text("csv_name") or "out.csv"
        is_safe = bool(values.flag("safe"))
        return await send_csv(request, access, task_id, name, is_safe=is_safe)
    services = services_of(request)
    task = await services.tasks.read(access, task_id)
    return services.envelopes.state(
        context_of(request),
        {"_read_only": read_json(task)},
        if_none_match=request.headers.get("if-none-match"),
        more=_PAGE_OF_ONE,
    )


@router.patch(
    "/{task_id}",
    operation_id="start_task",
    response_model=None,
    responses=account_answers(
        TaskEnvelope, examples.success(examples.read_only(status="executing")), 400, 408, 413
    ),
)
async def start(request: Request, access: AccessDep, task_id: str) -> KazooResponse:
    """Start a pending task."""
    await values_of(request)
    return _changed(request, await services_of(request).tasks.start(access, task_id))


@router.patch(
    "/{task_id}/stop",
    operation_id="stop_task",
    response_model=None,
    responses=account_answers(
        TaskEnvelope, examples.success(examples.read_only(status="stopped")), 400, 408, 413
    ),
)
async def stop(request: Request, access: AccessDep, task_id: str) -> KazooResponse:
    """Stop an executing task."""
    await values_of(request)
    return _changed(request, await services_of(request).tasks.stop(access, task_id))


@router.delete(
    "/{task_id}",
    operation_id="delete_task",
    response_model=None,
    responses=account_answers(
        TaskEnvelope, examples.success(examples.read_only(status="success")), 400, 408, 413
    ),
)
async def remove(request: Request, access: AccessDep, task_id: str) -> KazooResponse:
    """Remove a task that does not execute, with its files; the answer shows it as it was."""
    await values_of(request)
    return _changed(request, await services_of(request).tasks.remove(access, task_id))


def _changed(request: Request, task: TaskJson) -> KazooResponse:
    envelopes = services_of(request).envelopes
    return envelopes.success(context_of(request), task, more=_PAGE_OF_ONE)
