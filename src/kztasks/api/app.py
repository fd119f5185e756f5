"""Puts the front together."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kztasks.api.context import context_of
from kztasks.api.deps import ApiDeps
from kztasks.api.envelope import VERSION
from kztasks.api.errors import failure_of
from kztasks.api.middleware import RequestScope
from kztasks.api.openapi import describe
from kztasks.api.routes import catalogue, health, tasks
from kztasks.api.services import build_services, install, services_of
from kztasks.csvio import CsvError
from kztasks.errors import KztasksError

_log = structlog.get_logger(__name__)

OPEN_ROUTES: Final = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/v2/openapi.json"),
        ("GET", "/v2/tasks"),
    }
)
"""The only routes that answer without a token."""


def create_app(deps: ApiDeps) -> FastAPI:
    """The ASGI application. It starts and closes nothing of what it is given."""
    services = build_services(deps)
    app = FastAPI(
        title="kztasks",
        version=VERSION,
        openapi_url="/v2/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install(app, services)
    v2 = APIRouter(prefix="/v2")
    v2.include_router(catalogue.router)
    v2.include_router(tasks.router)
    app.include_router(v2)
    app.include_router(health.router)
    for kind in (KztasksError, CsvError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer_error)
    app.add_middleware(RequestScope, envelopes=services.envelopes)
    describe(app, OPEN_ROUTES)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    """Every refusal becomes Kazoo's error envelope."""
    failure = failure_of(error)
    if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request_failed", path=request.url.path, status=failure.status, exc_info=error)
    return services_of(request).envelopes.failure(context_of(request), failure)
