"""What routes tell the OpenAPI document about their answers."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from kztasks.api.models import ErrorEnvelope
from kztasks.api.routes.examples import OUTPUT_CSV, failure

Answers = dict[int | str, dict[str, Any]]

ACCOUNT_ERRORS: Final = (401, 403, 404, 423, 429, 503)
"""What every route below an account may answer."""

_STRING: Final = {"schema": {"type": "string"}}


def errors(statuses: Iterable[int]) -> Answers:
    """The error envelope under each status."""
    return {
        status: {
            "model": ErrorEnvelope,
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"example": failure(status)}},
        }
        for status in statuses
    }


def answers(
    model: type[BaseModel],
    example: object,
    *statuses: int,
    status: int = HTTPStatus.OK,
    description: str = "Success",
) -> Answers:
    """The `responses` of a route: `model` under `status`, and the error envelope under the rest."""
    success = {
        "model": model,
        "description": description,
        "content": {"application/json": {"example": example}},
    }
    return {status: success, **errors(statuses)}


def account_answers(
    model: type[BaseModel],
    example: object,
    *statuses: int,
    status: int = HTTPStatus.OK,
    description: str = "Success",
) -> Answers:
    """`answers` with the errors that every route below an account has."""
    every = (*ACCOUNT_ERRORS, *statuses)
    return answers(model, example, *every, status=status, description=description)


def unchanged() -> Answers:
    """The answer to a client that has the present state already."""
    return {HTTPStatus.NOT_MODIFIED: {"description": "The client has this state already"}}


def csv_answers(or_json: type[BaseModel] | None = None, example: object = None) -> Answers:
    """The `responses` of a route that sends a CSV, or `or_json` to those who want no CSV."""
    csv = {**_STRING, "example": OUTPUT_CSV}
    whole: dict[str, Any] = {"description": "The CSV", "content": {"text/csv": csv}}
    if or_json is not None:
        whole["model"] = or_json
        whole["description"] = "The task, or its CSV"
        whole["content"]["application/json"] = {"example": example}
    return {
        HTTPStatus.OK: whole,
        HTTPStatus.NO_CONTENT: {"description": "The CSV is empty"},
        HTTPStatus.PARTIAL_CONTENT: {
            "description": "The part of the CSV that `Range` asks for",
            "content": {"text/csv": csv},
        },
        **unchanged(),
        **errors((*ACCOUNT_ERRORS, 400, 413, 416)),
    }
