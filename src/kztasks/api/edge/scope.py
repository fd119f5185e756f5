"""Around every HTTP request: its id, its log line, its headers, and an answer when all else fails.

Written against ASGI itself, as Starlette's `BaseHTTPMiddleware` breaks streaming and cancellation.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

import structlog
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from kztasks.api.context import RequestContext, attach
from kztasks.api.edge.cors import Cors
from kztasks.api.edge.exchange import Exchange
from kztasks.api.edge.paths import PathTable
from kztasks.api.errors import failure_of
from kztasks.api.limits.pace import PacedReceive
from kztasks.api.services import Services
from kztasks.errors import KztasksError

_log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CALLBACK: Final = re.compile(r"(?=.{1,64}\Z)[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*", re.ASCII)
_QUIET_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_NO_ROUTE: Final = "none"
_CLIENT_GONE: Final = 499
"""The status in the counters when the client left before there was one, as nginx has it."""


class RequestScope:
    """ASGI middleware; see the module.

    Args:
        app: what is inside.
        services: of the front.
        paths: all paths that there are.
        cors: which sites may read answers.
    """

    def __init__(self, app: ASGIApp, services: Services, paths: PathTable, cors: Cors) -> None:
        self._app = app
        self._services = services
        self._paths = paths
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        context = self._context(scope, headers)
        attach(scope, context)
        method, template = scope["method"], self._paths.template_of(scope["path"])
        paced = PacedReceive(receive, self._services.deps.settings.pace, self._services.cut)
        allowed = self._paths.methods_of(template) if template else []
        exchange = Exchange(headers, paced, send, context.request_id, self._cors, allowed)
        with bound_contextvars(request_id=context.request_id), context.leases:
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except ClientDisconnect:
                _log.info("client_gone", path=scope["path"])
            except Exception as error:
                if not isinstance(error, KztasksError):
                    _log.exception("request_crashed", method=method, path=scope["path"])
                if exchange.status is not None:
                    raise
                response = self._services.envelopes.failure(context, failure_of(error))
                await response(scope, exchange.receive, exchange.send)
            finally:
                self._services.metrics.requests.labels(
                    method if method in allowed else _NO_ROUTE,
                    template or _NO_ROUTE,
                    exchange.status or _CLIENT_GONE,
                ).observe(exchange.duration_s)
                _log_line(exchange, scope, method, context)

    def _context(self, scope: Scope, headers: Headers) -> RequestContext:
        client = scope.get("client")
        address = client[0] if client else ""
        query = QueryParams(scope["query_string"])
        pretty = headers.get("x-pretty-print") or query.get("pretty_print") or ""
        return RequestContext(
            _request_id(headers),
            client=address,
            tokens=self._services.by_address.peek(address),
            json_memory=self._services.json_memory,
            is_pretty=pretty.lower() == "true",
            callback=self._callback(query),
        )

    def _callback(self, query: QueryParams) -> str | None:
        """The function that `jsonp` names. A script of any site can be read by any site."""
        name = query.get("jsonp", "")
        is_allowed = self._cors.lets_everybody_in and _CALLBACK.fullmatch(name)
        return name if is_allowed else None


def _log_line(exchange: Exchange, scope: Scope, method: str, context: RequestContext) -> None:
    """The access log. The query is left out, as it may hold a token."""
    write = _log.debug if scope["path"] in _QUIET_PATHS else _log.info
    write(
        "http_request",
        method=method,
        path=scope["path"],
        status=exchange.status,
        bytes=exchange.bytes_sent,
        duration_ms=round(exchange.duration_s * 1000, 1),
        account_id=context.account.account_id if context.account else None,
        client=context.client or None,
    )


def _request_id(headers: Headers) -> str:
    """The client's own id of the request if it can stand in a log and a header, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
