"""Makes the OpenAPI document say what FastAPI cannot know by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from typing import Any, Final

from fastapi import FastAPI

from kztasks.api.edge.paths import PathTable
from kztasks.api.routes.examples import ACCOUNT_ID, TASK_ID

Document = dict[str, Any]

_SCHEMES: Final = {
    "XAuthToken": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
    "bearerAuth": {"type": "http", "scheme": "bearer"},
    "authTokenQuery": {"type": "apiKey", "in": "query", "name": "auth_token"},
}
_DESCRIPTION: Final = """\
Background jobs: a CSV goes in, its rows are run by an app, a CSV comes out.

* Times are Gregorian seconds: subtract 62167219200 for Unix time.
* Each other method may be sent as a POST with `verb` in the query or in the JSON body.
* Values of the query may also stand in the body's `data`, except `category`, `action` and filters.
* Unknown names in the query are ignored.
"""
_EXAMPLES: Final = {
    "account_id": ACCOUNT_ID,
    "task_id": TASK_ID,
    "schedule_id": TASK_ID,
    "key_id": "01",
    "message_type": "batch",
    "trigger": "day",
    "app": "housekeeping",
}
_IDS: Final = {
    "account_id": "^[0-9a-f]{32}$",
    "task_id": "^[0-9a-f]{30}$",
    "schedule_id": "^[0-9a-f]{30}$",
}
_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}
}


class DescribedApp(FastAPI):
    """An app with a document that says more than FastAPI knows. It is made when it is asked for.

    Its `describe` has to be set before.
    """

    describe: Callable[[Document], None]

    def openapi(self) -> Document:
        """The document, the same each time."""
        if self.openapi_schema is None:
            self.describe(super().openapi())
        return super().openapi()


def describe(
    document: Document,
    *,
    paths: PathTable,
    open_routes: AbstractSet[tuple[str, str]],
    original: str,
    copies: Mapping[str, str],
) -> None:
    """Complete the document of an app: tokens, copies of routes, and no 422 of FastAPI's.

    Args:
        document: as FastAPI has made it; changed.
        paths: all routes, copies among them.
        open_routes: method and path of the routes that need no token.
        original: the prefix whose routes were mounted again.
        copies: the prefixes under which they were, and the suffixes of their operation ids.
    """
    document["info"]["description"] = _DESCRIPTION
    document["servers"] = [{"url": "/", "description": "This front"}]
    document["components"]["securitySchemes"] = dict(_SCHEMES)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    routes = set(paths)
    for prefix, suffix in copies.items():
        _copy(document, routes, original, prefix, suffix)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe_operation(operation, is_open=(method.upper(), path) in open_routes)


def _copy(
    document: Document, routes: set[tuple[str, str]], original: str, prefix: str, suffix: str
) -> None:
    for path, operations in list(document["paths"].items()):
        if not path.startswith(original):
            continue
        place = prefix + path.removeprefix(original)
        for method, operation in operations.items():
            there = document["paths"].setdefault(place, {})
            if method in there or (method.upper(), place) not in routes:
                continue
            copied = deepcopy(operation)
            copied["operationId"] = f"{operation['operationId']}_{suffix}"
            copied["parameters"] = [
                one for one in operation.get("parameters", []) if one["name"] != "account_id"
            ]
            there[method] = copied


def _describe_operation(operation: Document, *, is_open: bool) -> None:
    responses = operation["responses"]
    if "Idempotency-Key" not in {one["name"] for one in operation.get("parameters", [])}:
        responses.pop("422", None)
    for status in ("409", "429", "503"):
        if status in responses:
            responses[status]["headers"] = _RETRY_AFTER
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path" and name in _EXAMPLES:
            parameter["example"] = _EXAMPLES[name]
            if name in _IDS:
                parameter["schema"] = {"type": "string", "pattern": _IDS[name]}
    operation["security"] = [] if is_open else [{name: []} for name in _SCHEMES]
