"""Around every HTTP request: its id, its log line, its headers, and an answer when all else fails.

Written against ASGI itself, as Starlette's `BaseHTTPMiddleware` breaks streaming and cancellation.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from kztasks.api.context import RequestContext, attach
from kztasks.api.envelope import Envelopes
from kztasks.api.errors import failure_of

_log = structlog.get_logger(__name__)

DRAIN_BYTES: Final = 32 * 1024 * 1024
DRAIN_S: Final = 3.0
"""How much of a refused body is still read, so that the client gets to see the answer."""

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET_PATHS: Final = frozenset({"/healthz", "/readyz"})


class RequestScope:
    """ASGI middleware; see the module.

    Args:
        app: what is inside.
        envelopes: for the answer to an error that nobody expected.
    """

    def __init__(self, app: ASGIApp, envelopes: Envelopes) -> None:
        self._app = app
        self._envelopes = envelopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection of the server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        context = RequestContext(_request_id(headers))
        attach(scope, context)
        exchange = _Exchange(headers, receive, send, context.request_id)
        with bound_contextvars(request_id=context.request_id):
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except ClientDisconnect:
                _log.info("client_gone", path=scope["path"])
            except Exception as error:
                _log.exception("request_crashed", method=scope["method"], path=scope["path"])
                if exchange.status is not None:
                    raise
                response = self._envelopes.failure(context, failure_of(error))
                await response(scope, exchange.receive, exchange.send)
            finally:
                exchange.log(scope, context)


class _Exchange:
    """The messages of one request, on their way in and out."""

    def __init__(self, headers: Headers, receive: Receive, send: Send, request_id: str) -> None:
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._started_at = time.monotonic()
        self._bytes_sent = 0
        self._has_unread = (
            headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        )
        self._may_drain = "expect" not in headers
        self.status: int | None = None

    async def receive(self) -> Message:
        self._may_drain = True  # whoever waited for a go-ahead has it now
        message = await self._receive()
        self._has_unread = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Request-ID"] = self._request_id
            if self._has_unread and self._may_drain:
                await self._drain()
        else:
            self._bytes_sent += len(message.get("body", b""))
        await self._send(message)

    async def _drain(self) -> None:
        """Read and forget the rest of the body.

        A server that answers and closes while data is still coming in makes the network drop its
        answer (RFC 9112, section 9.6).
        """
        left = DRAIN_BYTES
        try:
            async with asyncio.timeout(DRAIN_S):
                while self._has_unread and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass

    def log(self, scope: Scope, context: RequestContext) -> None:
        """The access log line. The query is left out, as it may hold a token."""
        write = _log.debug if scope["path"] in _QUIET_PATHS else _log.info
        client = scope.get("client")
        write(
            "http_request",
            method=scope["method"],
            path=scope["path"],
            status=self.status,
            bytes=self._bytes_sent,
            duration_ms=round((time.monotonic() - self._started_at) * 1000, 1),
            account_id=context.account.account_id if context.account else None,
            client=client[0] if client else None,
        )


def _request_id(headers: Headers) -> str:
    """The client's own id of the request if it can stand in a log and a header, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
