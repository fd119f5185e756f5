"""Triggers: what is bound, what fired and how it ended; fire one now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from kztasks.api.auth import AccessDep
from kztasks.api.context import context_of
from kztasks.api.envelope import KazooResponse
from kztasks.api.headless.models import TriggerEnvelope, TriggerListEnvelope
from kztasks.api.routes import examples, parameters
from kztasks.api.routes.answers import account_answers, unchanged
from kztasks.api.services import services_of
from kztasks.api.values import values_of

router = APIRouter(tags=["triggers"])

TriggerName = Annotated[
    str,
    Path(description="`minute`, `hour`, `day`, `account`, `account_mod`, `system`, `other`, or "
         "`databases` for a pass over all databases."),
]  # fmt: skip


@router.get(
    "",
    operation_id="list_triggers",
    response_model=None,
    responses=account_answers(TriggerListEnvelope, examples.success([dict(examples.TRIGGER)]))
    | unchanged(),
    openapi_extra=parameters.parameters(parameters.IF_NONE_MATCH),
)
async def list_triggers(request: Request) -> Response:
    """What is bound to each trigger, by which app, when it fired and fires next."""
    services = services_of(request)
    return services.envelopes.state(
        context_of(request),
        await services.triggers.all(),
        if_none_match=request.headers.get("if-none-match"),
    )


@router.get(
    "/{trigger}",
    operation_id="get_trigger",
    response_model=None,
    responses=account_answers(TriggerEnvelope, examples.success(dict(examples.TRIGGER)))
    | unchanged(),
    openapi_extra=parameters.parameters(parameters.IF_NONE_MATCH),
)
async def read(request: Request, trigger: TriggerName) -> Response:
    """A trigger with its last firings, the latest first."""
    services = services_of(request)
    return services.envelopes.state(
        context_of(request),
        await services.triggers.one(trigger),
        if_none_match=request.headers.get("if-none-match"),
    )


@router.patch(
    "/{trigger}",
    operation_id="fire_trigger",
    response_model=None,
    responses=account_answers(
        TriggerEnvelope, examples.success(dict(examples.TRIGGER)), 400, 408, 409, 413
    ),
)
async def fire(request: Request, access: AccessDep, trigger: TriggerName) -> KazooResponse:
    """Fire a trigger now, beside the firings that are due; it begins within a second."""
    await values_of(request)
    services = services_of(request)
    shown = await services.triggers.fire(access, trigger)
    return services.envelopes.success(context_of(request), shown)


@router.delete(
    "/{trigger}/apps/{app}",
    operation_id="forget_trigger_app",
    response_model=None,
    responses=account_answers(
        TriggerEnvelope, examples.success(dict(examples.TRIGGER)), 400, 408, 413
    ),
)
async def forget(
    request: Request,
    access: AccessDep,
    trigger: TriggerName,
    app: Annotated[str, Path(description="Name of an app that is gone for good.")],
) -> KazooResponse:
    """Forget that an app is bound; one that runs is bound again within a second."""
    await values_of(request)
    services = services_of(request)
    shown = await services.triggers.forget(access, trigger, app)
    return services.envelopes.success(context_of(request), shown)
