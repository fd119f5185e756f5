"""What a client is told about the refusals of this folder; importing it registers them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from kztasks.api.errors import BAD_IDENTIFIER, Failure, failure_of
from kztasks.api.headless.refusals import (
    FiringRefused,
    TooManySchedules,
    UnknownSchedule,
    UnknownTrigger,
)

_SHOWN_CHARS: Final = 64
"""As much of a name that is none is repeated to the client."""


@failure_of.register
def _(error: UnknownTrigger) -> Failure:
    name = error.name[:_SHOWN_CHARS]
    return Failure(status=HTTPStatus.NOT_FOUND, message=BAD_IDENTIFIER, data=[name])


@failure_of.register
def _(error: FiringRefused) -> Failure:
    return Failure(
        status=HTTPStatus.CONFLICT,
        message="conflict",
        data={"reason": error.reason, "cause": error.name, "message": "conflict"},
    )


@failure_of.register
def _(error: UnknownSchedule) -> Failure:
    shown = error.schedule_id[:_SHOWN_CHARS]
    return Failure(status=HTTPStatus.NOT_FOUND, message=BAD_IDENTIFIER, data=[shown])


@failure_of.register
def _(error: TooManySchedules) -> Failure:
    return Failure(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        message="too_many_requests",
        data={"message": "the account has as many schedules as it may have", "cause": error.code},
        headers={"Retry-After": "60"},
    )
