"""What routes tell the OpenAPI document about their answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from kztasks.api.models import ErrorEnvelope

_ACCOUNT_ERRORS: Final = (401, 403, 404, 423, 503)


def answers(
    model: type[BaseModel], *errors: int, status: int = HTTPStatus.OK
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: `model` under `status`, and the error envelope under `errors`."""
    return {status: {"model": model}, **{error: {"model": ErrorEnvelope} for error in errors}}


def account_answers(
    model: type[BaseModel], *errors: int, status: int = HTTPStatus.OK
) -> dict[int | str, dict[str, Any]]:
    """`answers` with the errors that every route below an account has."""
    return answers(model, *_ACCOUNT_ERRORS, *errors, status=status)


def csv_answers(or_json: type[BaseModel] | None = None) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that sends a CSV, or `or_json` to those who want no CSV."""
    responses: dict[int | str, dict[str, Any]] = {
        error: {"model": ErrorEnvelope} for error in _ACCOUNT_ERRORS
    }
    csv: dict[str, Any] = {
        "description": "The CSV",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
    if or_json is not None:
        csv |= {"model": or_json, "description": "The task, or its CSV"}
    empty = {"description": "The CSV is empty"}
    return responses | {HTTPStatus.OK: csv, HTTPStatus.NO_CONTENT: empty}
