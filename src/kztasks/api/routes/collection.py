"""Tasks of an account as a whole: create one, list them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from kztasks.api.auth import AccessDep, take_upload_place
from kztasks.api.content import wants_csv
from kztasks.api.context import context_of
from kztasks.api.creation import Order
from kztasks.api.idempotency import idempotency_key
from kztasks.api.listing import listed, unpaged
from kztasks.api.models import TaskEnvelope, TaskListEnvelope, ValidityEnvelope
from kztasks.api.paging import encode_key, key_of, page_request
from kztasks.api.routes import examples, parameters
from kztasks.api.routes.answers import account_answers, answers, unchanged
from kztasks.api.routes.created import created
from kztasks.api.service import read_json
from kztasks.api.services import services_of
from kztasks.api.submission import RequestBody
from kztasks.api.task_filters import task_filter
from kztasks.api.values import flag, query_text, values_of

create_router = APIRouter(tags=["tasks"])
list_router = APIRouter(tags=["tasks"])

CREATE_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": examples.INPUT_CSV},
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "data": {
                            "type": "object",
                            "properties": {
                                "records": {"type": "array", "items": {"type": "object"}},
                                "file_name": {"type": "string", "maxLength": 255},
                            },
                        }
                    },
                },
                "example": {"data": {"records": [{"e164": "+14155550123"}]}},
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file_name": {"type": "string", "maxLength": 255},
                        "file": {"type": "string", "format": "binary"},
                    },
                },
            },
        }
    }
}


@create_router.put(
    "",
    operation_id="create_task",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    responses=account_answers(
        TaskEnvelope,
        examples.success(examples.read_only()),
        *(400, 408, 409, 413, 415, 422),
        status=HTTPStatus.CREATED,
        description="The task is stored, and will not be lost",
    )
    | answers(
        ValidityEnvelope,
        examples.success(dict(examples.VALIDITY)),
        description="`validate_only`: a task could be created; some of its rows may fail",
    ),
    openapi_extra=CREATE_BODY | parameters.parameters(*parameters.CREATE),
)
async def create(request: Request, access: AccessDep) -> Response:
    """Create a task from a CSV, from JSON records, from a form, or from nothing.

    It does not run yet, unless `start=true` is said.
    """
    services = services_of(request)
    query = request.query_params
    category, action = query_text("category", query), query_text("action", query)
    order = Order(category, action, bool(flag("start", query_text("start", query))))
    key = idempotency_key(request.headers.get("idempotency-key"))
    body = RequestBody(request, services.deps.settings)
    context = context_of(request)
    take_upload_place(request, access.caller)
    if flag("validate_only", query_text("validate_only", query)):
        return services.envelopes.success(context, await services.validator.validate(order, body))
    answer = await services.idempotency.create(access, key, order, body)
    return created(request, answer, request.url.path)


@list_router.get(
    "",
    operation_id="list_tasks",
    response_model=None,
    responses=account_answers(
        TaskListEnvelope,
        examples.success([dict(examples.TASK)], page_size=1),
        *(400, 413),
    )
    | unchanged(),
    openapi_extra=parameters.parameters(*parameters.LIST),
)
async def list_tasks(request: Request, access: AccessDep) -> Response:
    """Tasks of the account, newest first, in pages."""
    services = services_of(request)
    values, settings = await values_of(request), services.deps.settings
    wanted = page_request(
        values.text("page_size"),
        values.text("start_key"),
        default=settings.page_size,
        most=settings.max_page_size,
        where=task_filter(request.query_params.multi_items()),
    )
    if values.flag("paginate") is False:
        return unpaged(request, access, wanted)
    page = await services.tasks.page(access, wanted)
    paging: dict[str, str | int] = {"page_size": len(page.tasks)}
    if page.tasks:
        paging["start_key"] = encode_key(key_of(page.tasks[0]))
    if page.following is not None:
        paging["next_start_key"] = encode_key(page.following)
    items = [read_json(task) for task in page.tasks]
    if wants_csv(request.headers.get("accept"), values.text("accept")):
        return listed(items)
    return services.envelopes.state(
        context_of(request),
        items,
        if_none_match=request.headers.get("if-none-match"),
        more=paging,
    )
