"""`/v2/accounts/{account_id}/tasks`: create, list, read, start, stop, remove, download."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from kztasks.api.auth import AccessDep, require_caller
from kztasks.api.content import wants_csv
from kztasks.api.context import context_of
from kztasks.api.download import csv_response
from kztasks.api.envelope import KazooResponse
from kztasks.api.jsonbody import check_control_body
from kztasks.api.models import TaskEnvelope, TaskListEnvelope
from kztasks.api.paging import encode_key, key_of, page_request
from kztasks.api.routes.answers import account_answers, csv_answers
from kztasks.api.service import read_json
from kztasks.api.services import services_of
from kztasks.api.submission import RequestBody
from kztasks.domain.task import public_json
from kztasks.kazoo.messages import TaskJson

router = APIRouter(
    prefix="/accounts/{account_id}/tasks", tags=["tasks"], dependencies=[Depends(require_caller)]
)

_CREATE_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "e164\n+14155550123\n"},
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "data": {
                            "type": "object",
                            "properties": {
                                "records": {"type": "array", "items": {"type": "object"}},
                                "file_name": {"type": "string"},
                            },
                        }
                    },
                },
                "example": {"data": {"records": [{"e164": "+14155550123"}]}},
            },
        }
    }
}

_ONE: Final = {"page_size": 1}


@router.put(
    "",
    operation_id="createTask",
    status_code=HTTPStatus.CREATED,
    responses=account_answers(TaskEnvelope, 400, 413, 415, status=HTTPStatus.CREATED),
    openapi_extra=_CREATE_BODY,
)
async def create(
    request: Request,
    access: AccessDep,
    category: str | None = None,
    action: str | None = None,
    file_name: str | None = None,
) -> KazooResponse:
    """Create a task from a CSV, from JSON records, or from nothing. It does not run yet."""
    services = services_of(request)
    body = RequestBody(
        request.headers, request.stream(), file_name=file_name, settings=services.deps.settings
    )
    task = await services.creator.create(access, category, action, body)
    return services.envelopes.success(
        context_of(request), {"_read_only": public_json(task)}, status=HTTPStatus.CREATED
    )


@router.get("", operation_id="listTasks", responses=account_answers(TaskListEnvelope, 400))
async def list_tasks(
    request: Request,
    access: AccessDep,
    page_size: str | None = None,
    start_key: str | None = None,
) -> KazooResponse:
    """Tasks of the account, newest first."""
    services = services_of(request)
    settings = services.deps.settings
    wanted = page_request(
        page_size, start_key, default=settings.page_size, most=settings.max_page_size
    )
    page = await services.tasks.page(access, wanted)
    paging: dict[str, str | int] = {"page_size": len(page.tasks)}
    if page.tasks:
        paging["start_key"] = encode_key(key_of(page.tasks[0]))
    if page.following is not None:
        paging["next_start_key"] = encode_key(page.following)
    items = [read_json(task) for task in page.tasks]
    return services.envelopes.success(context_of(request), items, paging=paging)


@router.get("/{task_id}", operation_id="getTask", responses=csv_answers(TaskEnvelope))
async def read(
    request: Request,
    access: AccessDep,
    task_id: str,
    accept: str | None = None,
    csv_name: Annotated[str, Query()] = "out.csv",
) -> Response:
    """A task, or one of its CSVs if `Accept` (or `accept` in the query) names a CSV type first."""
    services = services_of(request)
    if wants_csv(request.headers.get("accept"), accept):
        return csv_response(await services.tasks.open_csv(access, task_id, csv_name))
    task = await services.tasks.read(access, task_id)
    data = {"_read_only": read_json(task)}
    return services.envelopes.success(context_of(request), data, paging=_ONE)


@router.patch(
    "/{task_id}", operation_id="startTask", responses=account_answers(TaskEnvelope, 400, 413)
)
async def start(request: Request, access: AccessDep, task_id: str) -> KazooResponse:
    """Start a pending task."""
    await check_control_body(request.stream())
    return _changed(request, await services_of(request).tasks.start(access, task_id))


@router.patch(
    "/{task_id}/stop", operation_id="stopTask", responses=account_answers(TaskEnvelope, 400, 413)
)
async def stop(request: Request, access: AccessDep, task_id: str) -> KazooResponse:
    """Stop an executing task."""
    await check_control_body(request.stream())
    return _changed(request, await services_of(request).tasks.stop(access, task_id))


@router.delete(
    "/{task_id}", operation_id="removeTask", responses=account_answers(TaskEnvelope, 400, 413)
)
async def remove(request: Request, access: AccessDep, task_id: str) -> KazooResponse:
    """Remove a task that does not execute, with its files; the answer shows it as it was."""
    await check_control_body(request.stream())
    return _changed(request, await services_of(request).tasks.remove(access, task_id))


@router.get(
    "/{task_id}/input",
    operation_id="getTaskInput",
    response_class=Response,
    responses=csv_answers(),
)
async def read_input(request: Request, access: AccessDep, task_id: str) -> Response:
    """The CSV that the task was created with."""
    return csv_response(await services_of(request).tasks.open_csv(access, task_id, "in.csv"))


@router.get(
    "/{task_id}/output",
    operation_id="getTaskOutput",
    response_class=Response,
    responses=csv_answers(),
)
async def read_output(request: Request, access: AccessDep, task_id: str) -> Response:
    """The CSV that the task has made."""
    return csv_response(await services_of(request).tasks.open_csv(access, task_id, "out.csv"))


def _changed(request: Request, task: TaskJson) -> KazooResponse:
    return services_of(request).envelopes.success(context_of(request), task, paging=_ONE)
