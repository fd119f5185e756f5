"""Probes: is this process alive, and can it do its work?"""

from __future__ import annotations

from collections.abc import Awaitable
from http import HTTPStatus

from fastapi import APIRouter, Request

from kztasks.api.envelope import KazooResponse
from kztasks.api.services import services_of
from kztasks.errors import KztasksError

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="healthz")
async def healthz() -> KazooResponse:
    """Whether the process serves at all."""
    return KazooResponse({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="readyz",
    responses={503: {"description": "A part cannot be reached; `checks` names it"}},
)
async def readyz(request: Request) -> KazooResponse:
    """Whether bus, store and a scheduler can be reached; 503 and the names of those that cannot."""
    deps = services_of(request).deps
    checks = {
        "bus": "ok" if deps.scheduler.is_ready else "bus_unavailable",
        "store": await _outcome(deps.store.ping()),
        "scheduler": await _outcome(deps.scheduler.lookup(None, None)),
    }
    is_ready = all(outcome == "ok" for outcome in checks.values())
    return KazooResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks},
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


async def _outcome(check: Awaitable[object]) -> str:
    try:
        await check
    except KztasksError as error:
        return error.code
    return "ok"
