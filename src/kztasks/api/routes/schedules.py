"""Schedules of an account: tasks that are made by the clock."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Final, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from kztasks.api.auth import AccessDep, take_upload_place
from kztasks.api.context import context_of
from kztasks.api.envelope import KazooResponse
from kztasks.api.headless.models import HistoryEnvelope, ScheduleEnvelope, ScheduleListEnvelope
from kztasks.api.headless.schedules import ScheduleOrder, record_json, schedule_json
from kztasks.api.refusals import BadField
from kztasks.api.routes import examples, parameters
from kztasks.api.routes.answers import account_answers, unchanged
from kztasks.api.routes.collection import CREATE_BODY
from kztasks.api.services import services_of
from kztasks.api.submission import RequestBody
from kztasks.api.values import query_text, values_of
from kztasks.domain.gregorian import to_unix
from kztasks.domain.schedule import Missed, Overlap, Schedule
from kztasks.domain.timing import Timing
from kztasks.errors import Invalid

router = APIRouter(tags=["schedules"])

MAX_NAME_CHARS: Final = 128
MAX_CRON_CHARS: Final = 256
LAST_MOMENT: Final = 999_999_999_999
"""The largest time that is read, Gregorian seconds."""

E = TypeVar("E", bound=StrEnum)

_EXAMPLE: Final = examples.success(dict(examples.SCHEDULE))


class Change(StrEnum):
    """What can be done with a schedule."""

    PAUSE = "pause"
    RESUME = "resume"
    RUN = "run"


@router.put(
    "",
    operation_id="create_schedule",
    status_code=HTTPStatus.CREATED,
    response_model=None,
    responses=account_answers(
        ScheduleEnvelope,
        _EXAMPLE,
        *(400, 408, 413, 415),
        status=HTTPStatus.CREATED,
        description="The schedule is stored",
    ),
    openapi_extra=CREATE_BODY | parameters.parameters(*parameters.SCHEDULE),
)
async def create(request: Request, access: AccessDep) -> KazooResponse:
    """Have tasks made of this input: by a cron expression in a time zone, or once at a time."""
    services = services_of(request)
    order = _order(request)
    body = RequestBody(request, services.deps.settings)
    take_upload_place(request, access.caller)
    schedule = await services.schedules.create(access, order, body)
    is_tunnelled = context_of(request).tunnelled  # as tasks are, in Kazoo
    return _shown(request, schedule, HTTPStatus.OK if is_tunnelled else HTTPStatus.CREATED)


@router.get(
    "",
    operation_id="list_schedules",
    response_model=None,
    responses=account_answers(ScheduleListEnvelope, examples.success([dict(examples.SCHEDULE)]))
    | unchanged(),
    openapi_extra=parameters.parameters(parameters.IF_NONE_MATCH),
)
async def list_schedules(request: Request, access: AccessDep) -> Response:
    """Schedules of the account, newest first."""
    services = services_of(request)
    now = services.deps.clock()
    return services.envelopes.state(
        context_of(request),
        [schedule_json(one, now) for one in await services.schedules.all(access)],
        if_none_match=request.headers.get("if-none-match"),
    )


@router.get(
    "/{schedule_id}",
    operation_id="get_schedule",
    response_model=None,
    responses=account_answers(ScheduleEnvelope, _EXAMPLE),
)
async def read(request: Request, access: AccessDep, schedule_id: str) -> KazooResponse:
    """A schedule with its next ten moments."""
    return _shown(request, await services_of(request).schedules.read(access, schedule_id))


@router.get(
    "/{schedule_id}/history",
    operation_id="get_schedule_history",
    response_model=None,
    responses=account_answers(HistoryEnvelope, examples.success([dict(examples.RUN_RECORD)])),
)
async def history(request: Request, access: AccessDep, schedule_id: str) -> KazooResponse:
    """What became of its last 100 moments, the latest first."""
    services = services_of(request)
    records = await services.schedules.history(access, schedule_id)
    return services.envelopes.success(context_of(request), [record_json(one) for one in records])


@router.patch(
    "/{schedule_id}",
    operation_id="change_schedule",
    response_model=None,
    responses=account_answers(ScheduleEnvelope, _EXAMPLE, 400, 408, 413),
    openapi_extra=parameters.parameters(parameters.SCHEDULE_CHANGE),
)
async def change(request: Request, access: AccessDep, schedule_id: str) -> KazooResponse:
    """Pause a schedule, resume it, or make one of its tasks now."""
    schedules, values = services_of(request).schedules, await values_of(request)
    match _choice("action", values.text("action"), Change, None):
        case Change.PAUSE:
            schedule = await schedules.pause(access, schedule_id)
        case Change.RESUME:
            schedule = await schedules.resume(access, schedule_id)
        case Change.RUN:
            schedule = await schedules.run(access, schedule_id)
    return _shown(request, schedule)


@router.delete(
    "/{schedule_id}",
    operation_id="delete_schedule",
    response_model=None,
    responses=account_answers(ScheduleEnvelope, _EXAMPLE, 400, 408, 413),
)
async def remove(request: Request, access: AccessDep, schedule_id: str) -> KazooResponse:
    """Remove a schedule; tasks that it has made stay. The answer shows it as it was."""
    await values_of(request)
    return _shown(request, await services_of(request).schedules.remove(access, schedule_id))


def _shown(request: Request, schedule: Schedule, status: int = HTTPStatus.OK) -> KazooResponse:
    services = services_of(request)
    shown = schedule_json(schedule, services.deps.clock())
    return services.envelopes.success(context_of(request), shown, status=status)


def _order(request: Request) -> ScheduleOrder:
    query = request.query_params
    timing = Timing(
        _bounded("cron", query_text("cron", query), MAX_CRON_CHARS),
        _bounded("timezone", query_text("timezone", query), MAX_NAME_CHARS) or "UTC",
        _moment(query_text("at", query)),
    )
    _checked(timing)
    return ScheduleOrder(
        category=query_text("category", query),
        action=query_text("action", query),
        timing=timing,
        name=_bounded("name", query_text("name", query), MAX_NAME_CHARS),
        overlap=_choice("overlap", query_text("overlap", query), Overlap, Overlap.SKIP),
        missed=_choice("missed", query_text("missed", query), Missed, Missed.LATE),
    )


def _checked(timing: Timing) -> None:
    try:
        timing.check()
    except Invalid as error:
        field, _, why = str(error).partition(": ")
        raise BadField(field, "invalid", why) from None


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:15]) <= LAST_MOMENT:
        raise BadField("at", "type", "Value did not match type(s): integer", target="integer")
    return to_unix(int(text))


def _bounded(name: str, text: str | None, most: int) -> str | None:
    if text is not None and (len(text) > most or not text.isprintable()):
        message = f"Value must be printable and not longer than {most} characters"
        raise BadField(name, "maxLength", message, target=most)
    return text


def _choice(name: str, text: str | None, kind: type[E], default: E | None) -> E:
    if text is None and default is not None:
        return default
    try:
        return kind(text or "")
    except ValueError:
        choices = ", ".join(one.value for one in kind)
        raise BadField(name, "enum", "Value not found in enumerated list of values",
                       target=choices) from None  # fmt: skip
