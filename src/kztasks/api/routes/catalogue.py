"""`GET /v2/tasks`: which tasks there are. Open to all, as in Kazoo."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from kztasks.api.auth import charge_open_route
from kztasks.api.context import context_of
from kztasks.api.envelope import KazooResponse
from kztasks.api.models import HelpEnvelope
from kztasks.api.routes import examples, parameters
from kztasks.api.routes.answers import answers
from kztasks.api.services import services_of
from kztasks.api.values import query_text

router = APIRouter(tags=["discovery"])


@router.get(
    "/tasks",
    operation_id="list_task_kinds",
    dependencies=[Depends(charge_open_route)],
    response_model=None,
    responses=answers(
        HelpEnvelope, examples.success({"tasks": dict(examples.KIND)}), 400, 404, 429, 503
    ),
    openapi_extra=parameters.parameters(parameters.CATEGORY, parameters.ACTION),
)
async def get_help(request: Request) -> KazooResponse:
    """The tasks that can be created, with their metadata."""
    services, query = services_of(request), request.query_params
    found = await services.catalogue.help(
        query_text("category", query), query_text("action", query)
    )
    return services.envelopes.success(context_of(request), {"tasks": found})
