"""`GET /v2/tasks`: which tasks there are. Open to all, as in Kazoo."""

from __future__ import annotations

from fastapi import APIRouter, Request

from kztasks.api.context import context_of
from kztasks.api.envelope import KazooResponse
from kztasks.api.models import HelpEnvelope
from kztasks.api.routes.answers import answers
from kztasks.api.services import services_of

router = APIRouter(tags=["tasks"])


@router.get("/tasks", operation_id="getTasksHelp", responses=answers(HelpEnvelope, 404, 503))
async def get_help(
    request: Request, category: str | None = None, action: str | None = None
) -> KazooResponse:
    """The tasks that can be created, with their metadata."""
    services = services_of(request)
    found = await services.catalogue.help(category, action)
    return services.envelopes.success(context_of(request), {"tasks": found})
