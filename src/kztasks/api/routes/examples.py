"""Examples for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

ACCOUNT_ID: Final = "4f1b0d3c6a5e4b7f8e9d0c1b2a394857"
TASK_ID: Final = "e5c92c4b50bcec520d5d7e1ce1b869"
API_KEY: Final = "1ffb2e8e8e3ad4e4a3d1c9f5a0f84a7a7c9a7b1f2c3d4e5f60718293a4b5c6d7"

_COMMON: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "request_id": "0d5e7c0b2f9a4f6f8f0b1c2d3e4f5a6b",
        "node": "r619zQeO7nj4BytRk0PBfA",
        "timestamp": "2026-11-24T16:23:00Z",
        "tokens": {"consumed": 1, "remaining": 499},
    }
)

TASK: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "id": TASK_ID,
        "account_id": ACCOUNT_ID,
        "auth_account_id": ACCOUNT_ID,
        "category": "number_management",
        "action": "find",
        "file_name": "numbers.csv",
        "created": 63_900_000_000,
        "total_count": 2,
        "status": "pending",
    }
)
VALIDITY: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "valid": True,
        "rows": 2,
        "columns": ["e164"],
        "verified": True,
        "failed_rows": 1,
        "failed_cells": 1,
        "failures": [
            {
                "row": 2,
                "column": "e164",
                "value": "14155550124",
                "rule": "verifier",
                "message": "the verifier of the column refuses this value",
            }
        ],
    }
)
TRIGGER: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "trigger": "day",
        "apps": ["housekeeping"],
        "next": 63_963_043_200,
        "running": False,
        "requested": False,
        "last_firing": {
            "instant": 63_962_956_800,
            "outcome": "done",
            "node": "kztasks@tasks1",
            "late_ms": 4,
            "took_ms": 1250,
            "calls_made": 1,
            "calls_failed": 0,
            "calls": [
                {"app": "housekeeping", "handler": "clean", "outcome": "ok", "took_ms": 1248}
            ],
        },
    }
)
SCHEDULE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "id": TASK_ID,
        "account_id": ACCOUNT_ID,
        "auth_account_id": ACCOUNT_ID,
        "category": "number_management",
        "action": "find",
        "name": "nightly check",
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "overlap": "skip",
        "missed": "late",
        "paused": False,
        "created": 63_962_781_000,
        "file_name": "numbers.csv",
        "total_count": 2,
        "next": [63_962_803_800, 63_962_890_200],
        "waiting": 0,
    }
)
RUN_RECORD: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "instant": 63_962_717_400,
        "outcome": "started",
        "at": 63_962_717_401,
        "task_id": TASK_ID,
        "count": 1,
    }
)
INPUT_CSV: Final = "e164\n+14155550123\n+14155550124\n"
OUTPUT_CSV: Final = '"e164","error"\n"+14155550123",\n'
EVENTS: Final = (
    'retry: 3000\n\nid: 1000000000000\nevent: snapshot\ndata: {"status":"executing"}\n\n'
    'id: 1000000000002\nevent: progress\ndata: {"total_count":2,"success_count":2}\n\n'
)

KIND: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "number_management": {
            "find": {
                "description": "List the given numbers if the account owns them",
                "doc": "For each number found, returns its fields.",
                "expected_content": "text/csv",
                "mandatory": ["e164"],
                "optional": [],
            }
        }
    }
)

_DATA: Final[Mapping[int, tuple[str, Any]]] = MappingProxyType(
    {
        400: ("bad request", {"missing_mandatory_fields": ["e164"]}),
        401: ("invalid_credentials", {"message": "invalid credentials"}),
        403: ("forbidden", {"message": "forbidden"}),
        404: ("bad identifier", [TASK_ID]),
        408: (
            "request_timeout",
            {"message": "the body comes in too slowly", "cause": "slow_upload"},
        ),
        409: (
            "still_running",
            {"message": "the first request under this key still runs", "cause": "still_running"},
        ),
        413: (
            "validation error",
            {"file": {"maxSize": {"message": "Payload or Files must not be more than …"}}},
        ),
        415: (
            "unsupported_media_type",
            {"message": "Content-Type must be text/csv, application/json or multipart/form-data"},
        ),
        416: ("range_not_satisfiable", {"message": "range not satisfiable", "size": 40}),
        422: (
            "validation error",
            {"idempotency_key": {"reused": {"message": "This key was used for another request"}}},
        ),
        423: ("locked", {"account": {"disabled": {"message": "account disabled"}}}),
        429: ("too_many_requests", {"message": "too many requests"}),
        503: (
            "service_unavailable",
            {"message": "service unavailable", "cause": "scheduler_unavailable"},
        ),
    }
)


def success(data: object, **more: object) -> dict[str, Any]:
    """An envelope with data."""
    return {"data": data, "status": "success", **more, **_COMMON}


def failure(status: int) -> dict[str, Any]:
    """An envelope with an error."""
    message, data = _DATA.get(status, (HTTPStatus(status).phrase.lower(), {}))
    return {
        "data": data, "status": "error", "message": message, "error": str(status), **_COMMON,
    }  # fmt: skip


def read_only(**changes: object) -> dict[str, Any]:
    """A task under `_read_only`."""
    return {"_read_only": {**TASK, **changes}}
