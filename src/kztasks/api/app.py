"""Puts the front together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from kztasks.api.auth import require_access, require_admin_access, require_own_access
from kztasks.api.context import context_of
from kztasks.api.deps import ApiDeps
from kztasks.api.edge.cors import Cors
from kztasks.api.edge.dispatch import Dispatcher
from kztasks.api.edge.paths import PathTable
from kztasks.api.edge.scope import RequestScope
from kztasks.api.envelope import VERSION
from kztasks.api.errors import failure_of
from kztasks.api.headless import errors as headless_errors
from kztasks.api.limits import errors as limits_errors
from kztasks.api.openapi import DescribedApp, describe
from kztasks.api.routes import (
    auth,
    catalogue,
    collection,
    document,
    failures,
    files,
    health,
    protocol,
    schedules,
    tasks,
    triggers,
    watch,
)
from kztasks.api.routes.document import keep_document
from kztasks.api.services import build_services, install, services_in, services_of
from kztasks.csvio import CsvError
from kztasks.errors import KztasksError
from kztasks.loop_lag import LoopLag
from tasks_bindings.loop_watch import LoopWatch

__all__ = [
    "MOUNTS",
    "OPEN_ROUTES",
    "announce_close",
    "create_app",
    "cut_uploads",
    "headless_errors",
    "limits_errors",
    "watch_loop",
]

_log = structlog.get_logger(__name__)

OPENAPI_PATH: Final = "/v2/openapi.json"
OPEN_ROUTES: Final = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", OPENAPI_PATH),
        ("GET", "/v2/asyncapi.json"),
        ("GET", "/v2/schemas/{message_type}.json"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/v2/auth/keys/{key_id}"),
        ("GET", "/v2/tasks"),
        ("PUT", "/v2/api_auth"),
    }
)
"""The only routes that answer without a token."""

_BY_ACCOUNT_PREFIX: Final = "/v2/accounts/{account_id}/tasks"
_BY_ACCOUNT: Final = [Depends(require_access)]
_OWN: Final = [Depends(require_own_access)]
_ADMIN: Final = [Depends(require_admin_access)]
_ITEM: Final = (tasks.router, files.router, watch.router, failures.router)
_WHOLE: Final = (collection.create_router, collection.list_router, *_ITEM)

Mount = tuple[str, tuple[APIRouter, ...], list[Dependency]]
MOUNTS: Final[tuple[Mount, ...]] = (
    ("", (health.router, auth.jwks_router), []),
    ("/v2", (catalogue.router, auth.router, document.router, protocol.router), []),
    (_BY_ACCOUNT_PREFIX, _WHOLE, _BY_ACCOUNT),
    ("/v2/accounts/{account_id}/schedules", (schedules.router,), _BY_ACCOUNT),
    ("/v2/account/tasks", _WHOLE, _OWN),
    ("/v2/tasks/triggers", (triggers.router,), _ADMIN),
    ("/v2/tasks", (collection.create_router, *_ITEM), _ADMIN),
)
"""Where which routes are, and what grants access to an account there."""

_COPIES: Final = {"/v2/account/tasks": "of_caller", "/v2/tasks": "as_admin"}
"""The same routes again; the suffix makes operation ids of their own."""


def create_app(deps: ApiDeps) -> FastAPI:
    """The ASGI application. It starts and closes nothing of what it is given.

    Raises:
        Misconfigured: a configured key cannot be used.
    """
    services = build_services(deps)
    app = DescribedApp(
        title="kztasks",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install(app, services)
    paths = PathTable()
    for prefix, routers, access in MOUNTS:
        for router in routers:
            _mount(app, paths, prefix, router, access)
    for kind in (KztasksError, CsvError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer_error)
    cors = Cors(deps.settings.cors_origins)
    app.add_middleware(Dispatcher, paths=paths, cors=cors, services=services)
    app.add_middleware(RequestScope, services=services, paths=paths, cors=cors)
    app.describe = partial(
        describe, paths=paths, open_routes=OPEN_ROUTES, original=_BY_ACCOUNT_PREFIX, copies=_COPIES
    )
    return app


def make_ready(app: FastAPI) -> None:
    """Do what would hold up the first requests: build the routes, and the document of the API."""
    keep_document(app)


def announce_close(app: FastAPI) -> None:
    """End the answers that would go on for long, as the process is about to leave.

    From now on `/readyz` says that it leaves.
    """
    services_in(app).closing.set()


def cut_uploads(app: FastAPI) -> None:
    """Wait for no client's body any longer: what is not there yet is refused, and not stored."""
    services_in(app).cut.make()


async def watch_loop(app: FastAPI) -> None:
    """Let the metrics say how late the event loop is, until cancelled.

    Does nothing beside a scheduler, which watches the same loop under the same names.
    """
    services = services_in(app)
    if services.deps.beside is None:
        await LoopWatch(LoopLag(services.metrics.registry).note).run()


def _mount(
    app: FastAPI, paths: PathTable, prefix: str, router: APIRouter, access: Sequence[Dependency]
) -> None:
    app.include_router(
        router, prefix=prefix, dependencies=access, include_in_schema=prefix not in _COPIES
    )
    for route in router.routes:
        if isinstance(route, APIRoute):
            for method in route.methods or ():
                paths.add(method, prefix + route.path)


async def _answer_error(request: Request, error: Exception) -> Response:
    """Every refusal becomes Kazoo's error envelope."""
    failure = failure_of(error)
    if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request_failed", path=request.url.path, status=failure.status, exc_info=error)
    return services_of(request).envelopes.failure(context_of(request), failure)
