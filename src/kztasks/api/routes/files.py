"""The CSVs of a task under paths of their own."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from kztasks.api.auth import AccessDep
from kztasks.api.download import send_csv
from kztasks.api.routes import parameters
from kztasks.api.routes.answers import csv_answers
from kztasks.api.values import values_of

router = APIRouter(tags=["files"])


@router.get(
    "/{task_id}/input",
    operation_id="download_task_input",
    response_class=Response,
    response_model=None,
    responses=csv_answers(),
    openapi_extra=parameters.parameters(*parameters.DOWNLOAD),
)
async def read_input(request: Request, access: AccessDep, task_id: str) -> Response:
    """The CSV that the task was created with."""
    return await _send(request, access, task_id, "in.csv")


@router.get(
    "/{task_id}/output",
    operation_id="download_task_output",
    response_class=Response,
    response_model=None,
    responses=csv_answers(),
    openapi_extra=parameters.parameters(*parameters.DOWNLOAD),
)
async def read_output(request: Request, access: AccessDep, task_id: str) -> Response:
    """The CSV that the task has made."""
    return await _send(request, access, task_id, "out.csv")


async def _send(request: Request, access: AccessDep, task_id: str, name: str) -> Response:
    is_safe = bool((await values_of(request)).flag("safe"))
    return await send_csv(request, access, task_id, name, is_safe=is_safe)
