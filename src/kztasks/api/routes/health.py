"""Probes and counters: is this process alive, can it do its work, and how much did it do?"""

from __future__ import annotations

import secrets
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from kztasks.api.context import context_of
from kztasks.api.envelope import KazooResponse
from kztasks.api.models import Health, Readiness
from kztasks.api.readiness import OK
from kztasks.api.refusals import Forbidden
from kztasks.api.routes.answers import answers, errors
from kztasks.api.services import services_of

router = APIRouter(tags=["operations"])

_PROXIES: Final = ("forwarded", "x-forwarded-for", "x-real-ip")
_WHOLE: Final = {"status": "ok", "checks": {"bus": "ok", "store": "ok", "scheduler": "ok"}}
_BROKEN: Final = {"status": "unavailable", "checks": {**_WHOLE, "store": "store_unavailable"}}


@router.get(
    "/healthz",
    operation_id="get_health",
    response_model=None,
    responses=answers(Health, {"status": "ok"}),
)
async def healthz() -> KazooResponse:
    """Whether the process serves at all."""
    return KazooResponse({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="get_readiness",
    response_model=None,
    responses=answers(Readiness, _WHOLE)
    | answers(
        Readiness, _BROKEN, status=503, description="A part cannot be reached; `checks` names it"
    ),
)
async def readyz(request: Request) -> KazooResponse:
    """Whether bus, store and a scheduler can be reached; 503 and the names of those that cannot."""
    checks = await services_of(request).readiness.checks()
    is_ready = all(outcome == OK for outcome in checks.values())
    return KazooResponse(
        {"status": "ok" if is_ready else "unavailable", "checks": checks},
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    response_model=None,
    responses={
        200: {
            "description": "Counters, as Prometheus reads them",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": "up 1\n"}},
        },
        **errors((403,)),
    },
)
async def metrics(request: Request) -> Response:
    """Counters of this process, for Prometheus.

    Open to this machine; from elsewhere, or through a proxy, with the configured bearer token.
    """
    services = services_of(request)
    if not _may_read_metrics(request, services.deps.settings.metrics_token):
        raise Forbidden
    beside = services.deps.beside
    text = services.metrics.text() + (beside.metrics() if beside is not None else b"")
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _may_read_metrics(request: Request, token: str | None) -> bool:
    if token is not None:
        given = request.headers.get("authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())
    if any(name in request.headers for name in _PROXIES):
        return False
    try:
        return ip_address(context_of(request).client).is_loopback
    except ValueError:
        return False
