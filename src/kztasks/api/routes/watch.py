"""Watch a task as server-sent events."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from kztasks.api.auth import AccessDep
from kztasks.api.context import context_of
from kztasks.api.events import position
from kztasks.api.routes import examples, parameters
from kztasks.api.routes.answers import ACCOUNT_ERRORS, Answers, errors
from kztasks.api.services import services_of

router = APIRouter(tags=["watch"])

EVENT_STREAM: Final = "text/event-stream"
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_ANSWERS: Final[Answers] = {
    HTTPStatus.OK: {
        "description": "`snapshot`, `progress`, `status`; ends after the final status",
        "content": {EVENT_STREAM: {"schema": {"title": "Events"}, "example": examples.EVENTS}},
    },
    HTTPStatus.NO_CONTENT: {"description": "The task has ended, and the client knows it"},
    **errors(ACCOUNT_ERRORS),
}


@router.get(
    "/{task_id}/events",
    operation_id="stream_task_events",
    response_class=Response,
    response_model=None,
    responses=_ANSWERS,
    openapi_extra=parameters.parameters(parameters.LAST_EVENT_ID),
)
async def watch(request: Request, access: AccessDep, task_id: str) -> Response:
    """The task's progress as it happens (server-sent events).

    The number of an event is the state of the task, so `Last-Event-ID` works at any front. A
    comment is sent when nothing happens for 15 seconds.
    """
    services = services_of(request)
    task = await services.tasks.read(access, task_id)
    given = request.headers.get("last-event-id", "")
    seen = int(given) if _NUMBER.fullmatch(given) else None
    if task.status.is_final and seen is not None and seen >= position(task):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    services.events.enter(access, context_of(request).leases)
    return StreamingResponse(
        services.events.stream(access, task, seen),
        media_type=EVENT_STREAM,
        headers={"X-Accel-Buffering": "no"},
    )
