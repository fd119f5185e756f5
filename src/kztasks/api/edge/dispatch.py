"""What Kazoo's API does before routes: old versions, OPTIONS, and methods inside a POST."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kztasks.api.auth import authenticate, take_upload_place, token_outside_body
from kztasks.api.content import is_json
from kztasks.api.context import context_of
from kztasks.api.edge.cors import Cors
from kztasks.api.edge.paths import TUNNELLED, PathTable
from kztasks.api.jsonbody import MAX_CONTROL_BYTES
from kztasks.api.limits.refusals import Gone
from kztasks.api.refusals import BodyTooLarge
from kztasks.api.services import Services
from kztasks.api.values import values_of


class Dispatcher:
    """ASGI middleware.

    Args:
        app: the routes.
        paths: all paths that there are.
        cors: which sites may send what.
        services: of the front.
    """

    def __init__(self, app: ASGIApp, paths: PathTable, cors: Cors, services: Services) -> None:
        self._app = app
        self._paths = paths
        self._cors = cors
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on as what it stands for.

        Raises:
            Gone: it is for version 1.
            KztasksError: it is a POST whose body or token is not good.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path == "/v1" or path.startswith("/v1/"):
            raise Gone("there is no version 1")
        template = self._paths.template_of(path)
        if scope["method"] == "OPTIONS" and template is not None:
            await self._options(template)(scope, receive, send)
            return
        if scope["method"] == "POST" and template is not None:
            await self._unpack(scope, receive, template)
        await self._app(scope, receive, send)

    def _options(self, template: str) -> Response:
        methods = self._paths.methods_of(template)
        headers = MutableHeaders({"Allow": ", ".join(methods)})
        self._cors.allow_methods(headers, sorted({*methods, "POST"}))
        return Response(headers=dict(headers.items()))

    async def _unpack(self, scope: Scope, receive: Receive, template: str) -> None:
        """Take the method from the `verb` in the body or the query.

        A body that may be large is read for its verb only when its sender is known.
        """
        request = Request(scope, receive)
        limit = MAX_CONTROL_BYTES
        if is_json(request.headers) and token_outside_body(request) is not None:
            take_upload_place(request, await authenticate(request))
            limit = self._services.deps.settings.max_json_bytes
        verb = ((await values_of(request, limit=limit)).text("verb") or "").upper()
        if verb != "PUT" and context_of(request).json_bytes > MAX_CONTROL_BYTES:
            raise BodyTooLarge(MAX_CONTROL_BYTES)
        if verb in TUNNELLED and verb in self._paths.methods_of(template):
            scope["method"] = verb
            context_of(request).tunnelled = True
