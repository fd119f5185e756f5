"""What a client is told about the refusals of this folder; importing it registers them."""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from kztasks.api.errors import Failure, failure_of, invalid, named
from kztasks.api.limits.refusals import (
    BadRange,
    Gone,
    KeyReused,
    SlowUpload,
    StillRunning,
    TooManyRequests,
    TooManyRunning,
)
from kztasks.errors import TooManyTasks

TASKS_END_S: Final = 10
"""What a client is told to wait until some of its tasks may have ended."""


@failure_of.register
def _(error: TooManyRequests) -> Failure:
    return Failure(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        message="too_many_requests",
        data={"message": "too many requests"},
        headers=MappingProxyType({"Retry-After": str(error.retry_after_s)}),
    )


@failure_of.register(TooManyTasks)
@failure_of.register(TooManyRunning)
def _(error: TooManyTasks | TooManyRunning) -> Failure:
    return Failure(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        message="too_many_requests",
        data={"message": "the account has as many tasks as it may have", "cause": error.code},
        headers=MappingProxyType({"Retry-After": str(TASKS_END_S)}),
    )


@failure_of.register
def _(error: SlowUpload) -> Failure:
    return Failure(
        status=HTTPStatus.REQUEST_TIMEOUT,
        message="request_timeout",
        data={"message": "the body comes in too slowly", "cause": error.code},
        headers=MappingProxyType({"Connection": "close"}),
    )


@failure_of.register
def _(error: Gone) -> Failure:
    del error
    return named(HTTPStatus.GONE, "gone", "gone")


@failure_of.register
def _(error: BadRange) -> Failure:
    return Failure(
        status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        message="range_not_satisfiable",
        data={"message": "range not satisfiable", "size": error.size},
        headers=MappingProxyType({"Content-Range": f"bytes */{error.size}"}),
    )


@failure_of.register
def _(error: StillRunning) -> Failure:
    return Failure(
        status=HTTPStatus.CONFLICT,
        message="still_running",
        data={"message": "the first request under this key still runs", "cause": error.code},
        headers=MappingProxyType({"Retry-After": "2"}),
    )


@failure_of.register
def _(error: KeyReused) -> Failure:
    del error
    return invalid(
        "idempotency_key",
        "reused",
        {"message": "This key was used for another request"},
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )
