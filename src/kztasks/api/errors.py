"""The one place that gives each error its HTTP status and Kazoo's body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from kztasks.api.refusals import (
    AccountLocked,
    BadField,
    BadPageSize,
    BodyTooLarge,
    ExpiredToken,
    FileExpired,
    Forbidden,
    MalformedAccount,
    MissingKind,
    NoSuchFile,
    NotAuthenticated,
    NotEnded,
    RefusedInput,
    TaskRefused,
    UnknownAccount,
    UnknownApiKey,
    UnknownKey,
    UnknownSchema,
    UnknownTask,
    UnknownTaskKind,
    UnsupportedContent,
)
from kztasks.csvio import CsvError, LimitExceeded, Malformed
from kztasks.csvio.errors import BlankLine
from kztasks.errors import AppUnavailable, StoreUnavailable, Unavailable
from kztasks.kazoo.operations import StartRefusal, StopRefusal

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

RETRY_AFTER_S: Final = 2
"""What a client is told to wait when the store or every scheduler is silent."""

BAD_IDENTIFIER: Final = "bad identifier"
VALIDATION_ERROR: Final = "validation error"

BAD_SHAPE: Final = "Empty CSV or some row(s) longer than others or header missing"
BAD_SYNTAX: Final = "Malformed CSV - unable to process the file due to errors in the CSV"
APP_SILENT: Final = "the app that serves this action did not verify the rows"
TOO_LARGE_CSV: Final = "The CSV or a part of it is over a limit"

_REASONS: Final = {
    StartRefusal.ALREADY_STARTED: "task already started",
    StopRefusal.NOT_RUNNING: "task is not running",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as the client sees it: `message` and `data` of the envelope, and the status."""

    status: int
    message: str
    data: object
    headers: Mapping[str, str] = field(default_factory=dict)


@singledispatch
def failure_of(error: Exception) -> Failure:
    """What a client is told about an error; nothing of an error that is not expected."""
    del error
    return Failure(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        message="internal_error",
        data={"message": "internal error"},
    )


@failure_of.register
def _(error: HTTPException) -> Failure:
    """Starlette's own: no such route, or not with this method."""
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        failure = named(error.status_code, "invalid_method", "method not allowed")
    elif error.status_code == HTTPStatus.NOT_FOUND:
        failure = named(error.status_code, "not_found", "not found")
    else:
        phrase = HTTPStatus(error.status_code).phrase.lower()
        failure = named(error.status_code, phrase.replace(" ", "_"), phrase)
    return replace(failure, headers=error.headers or NO_HEADERS)


@failure_of.register
def _(error: RequestValidationError) -> Failure:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return invalid(path, "invalid", {"message": first["msg"]})


def _bad_identifier(task_id: str, **more: str) -> Failure:
    return Failure(
        status=HTTPStatus.NOT_FOUND,
        message="bad_identifier",
        data={**more, "cause": task_id, "message": BAD_IDENTIFIER},
    )


def named(status: int, message: str, text: str) -> Failure:
    """A failure whose data is a sentence."""
    return Failure(status=status, message=message, data={"message": text})


def invalid(
    path: str, rule: str, details: Mapping[str, object], status: int = HTTPStatus.BAD_REQUEST
) -> Failure:
    """Kazoo's validation error: the field's path, then the broken rule, then what about it."""
    data: object = {rule: dict(details)}
    for name in reversed(path.split(".")):
        data = {name: data}
    return Failure(status=status, message=VALIDATION_ERROR, data=data)


@failure_of.register
def _(error: UnknownTask) -> Failure:
    return Failure(status=HTTPStatus.NOT_FOUND, message=BAD_IDENTIFIER, data=[error.task_id])


@failure_of.register
def _(error: UnknownTaskKind) -> Failure:
    return Failure(status=HTTPStatus.NOT_FOUND, message=BAD_IDENTIFIER, data=[error.word])


@failure_of.register
def _(error: UnknownAccount) -> Failure:
    return _bad_identifier(error.account_id)


@failure_of.register
def _(error: MalformedAccount) -> Failure:
    text = f"invalid account_id '{error.account_id}'"
    return named(HTTPStatus.NOT_FOUND, BAD_IDENTIFIER, text)


@failure_of.register
def _(error: NoSuchFile) -> Failure:
    return _bad_identifier(error.task_id)


@failure_of.register
def _(error: FileExpired) -> Failure:
    return _bad_identifier(error.task_id, reason="removed after the time that it is kept")


@failure_of.register
def _(error: TaskRefused) -> Failure:
    reason = _REASONS.get(error.refusal)
    return _bad_identifier(error.task_id, **({"reason": reason} if reason else {}))


@failure_of.register
def _(error: NotEnded) -> Failure:
    return Failure(
        status=HTTPStatus.CONFLICT,
        message="conflict",
        data={"reason": "task has not ended", "cause": error.task_id, "message": "conflict"},
    )


@failure_of.register
def _(error: MissingKind) -> Failure:
    del error
    return named(HTTPStatus.BAD_REQUEST, "invalid request", "invalid request")


@failure_of.register
def _(error: RefusedInput) -> Failure:
    return Failure(status=HTTPStatus.BAD_REQUEST, message="bad request", data=dict(error.problems))


@failure_of.register
def _(error: BadField) -> Failure:
    shown = {key: value for key, value in error.details.items() if value is not None}
    return invalid(error.field, error.rule, {"message": error.message, **shown})


@failure_of.register
def _(error: CsvError) -> Failure:
    if isinstance(error, LimitExceeded):
        text = TOO_LARGE_CSV
    else:
        text = BAD_SYNTAX if isinstance(error, Malformed | BlankLine) else BAD_SHAPE
    details: dict[str, object] = {"message": text, "cause": error.detail, "code": error.code}
    if error.line is not None:
        details["line"] = error.line
    return invalid("csv", "format", details)


@failure_of.register
def _(error: BadPageSize) -> Failure:
    del error
    return named(HTTPStatus.NOT_FOUND, "faulty_request", "invalid page size")


@failure_of.register
def _(error: BodyTooLarge) -> Failure:
    text = f"Payload or Files must not be more than {error.limit} bytes"
    return invalid(
        "file",
        "maxSize",
        {"message": text, "target": error.limit},
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


@failure_of.register
def _(error: UnsupportedContent) -> Failure:
    return named(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", str(error))


@failure_of.register
def _(error: NotAuthenticated) -> Failure:
    del error
    return Failure(
        status=HTTPStatus.UNAUTHORIZED,
        message="invalid_credentials",
        data={"message": "invalid credentials"},
        headers=MappingProxyType({"WWW-Authenticate": "Bearer"}),
    )


@failure_of.register
def _(error: ExpiredToken) -> Failure:
    del error
    return Failure(
        status=HTTPStatus.UNAUTHORIZED,
        message="invalid credentials",
        data={},
        headers=MappingProxyType({"WWW-Authenticate": 'Bearer error="invalid_token"'}),
    )


@failure_of.register
def _(error: UnknownApiKey) -> Failure:
    return Failure(status=HTTPStatus.NOT_FOUND, message=BAD_IDENTIFIER, data=[error.key])


@failure_of.register
def _(error: UnknownKey) -> Failure:
    return _bad_identifier(error.key_id)


@failure_of.register
def _(error: UnknownSchema) -> Failure:
    return _bad_identifier(error.message_type)


@failure_of.register
def _(error: Forbidden) -> Failure:
    del error
    return named(HTTPStatus.FORBIDDEN, "forbidden", "forbidden")


@failure_of.register
def _(error: AccountLocked) -> Failure:
    details = {"message": "account disabled", "cause": error.account_id}
    return Failure(
        status=HTTPStatus.LOCKED, message="locked", data={"account": {"disabled": details}}
    )


@failure_of.register
def _(error: Unavailable) -> Failure:
    text = APP_SILENT if isinstance(error, AppUnavailable) else "service unavailable"
    return Failure(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        message="datastore_fault" if isinstance(error, StoreUnavailable) else "service_unavailable",
        data={"message": text, "cause": error.code},
        headers=MappingProxyType({"Retry-After": str(RETRY_AFTER_S)}),
    )
