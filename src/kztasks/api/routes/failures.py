"""The failed rows of a task: as a CSV, and as a task of their own."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from kztasks.api.auth import AccessDep, take_upload_place
from kztasks.api.creation import Order
from kztasks.api.envelope import KazooResponse
from kztasks.api.failures import NAME, FailedRows, failed_lines
from kztasks.api.filenames import attachment
from kztasks.api.idempotency import idempotency_key
from kztasks.api.models import TaskEnvelope
from kztasks.api.refusals import FileExpired, NotEnded, missing_file
from kztasks.api.routes import examples, parameters
from kztasks.api.routes.answers import account_answers, csv_answers
from kztasks.api.routes.created import created
from kztasks.api.services import services_of
from kztasks.api.values import values_of
from kztasks.domain.retention import Part

router = APIRouter(tags=["failures"])


@router.get(
    "/{task_id}/errors",
    operation_id="download_task_errors",
    response_class=Response,
    response_model=None,
    responses=csv_answers(),
    openapi_extra=parameters.parameters(),
)
async def read_errors(request: Request, access: AccessDep, task_id: str) -> Response:
    """Only the failed rows of the output, under its header; also while the task runs."""
    services = services_of(request)
    task = await services.tasks.read(access, task_id)
    lines = await failed_lines(services.deps.store, task)
    name = f"{task.category}_{task.action}_{task.id}_{NAME}"
    headers = {"Content-Type": "text/csv", "Content-Disposition": attachment(name)}
    return StreamingResponse(lines, headers=headers)


@router.post(
    "/{task_id}/rerun",
    operation_id="rerun_failed_rows",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    responses=account_answers(
        TaskEnvelope,
        examples.success(examples.read_only()),
        *(400, 408, 409, 413, 422),
        status=HTTPStatus.CREATED,
        description="A new task of the failed rows is stored",
    ),
    openapi_extra=parameters.parameters(parameters.START, parameters.IDEMPOTENCY_KEY),
)
async def rerun(request: Request, access: AccessDep, task_id: str) -> KazooResponse:
    """Create a new task from the input rows that failed; `start=true` starts it too."""
    services, values = services_of(request), await values_of(request)
    key = idempotency_key(request.headers.get("idempotency-key"))
    task = await services.tasks.read(access, task_id)
    if task.input is None:
        raise missing_file(task, "in.csv")
    if not task.status.is_final:
        raise NotEnded(task_id)
    if Part.LOG in task.removed:
        raise FileExpired(task_id, NAME)
    order = Order(task.category, task.action, bool(values.flag("start")))
    rows = FailedRows(services.deps.store, task, task.input)
    take_upload_place(request, access.caller)
    answer = await services.idempotency.create(access, key, order, rows)
    return created(request, answer, request.url.path.removesuffix(f"/{task_id}/rerun"))
