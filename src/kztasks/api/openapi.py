"""Makes the OpenAPI document say what FastAPI cannot know by itself."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Final

from fastapi import FastAPI

_SCHEMES: Final = {
    "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "query": {"type": "apiKey", "in": "query", "name": "auth_token"},
}


def describe(app: FastAPI, open_routes: AbstractSet[tuple[str, str]]) -> None:
    """Complete the document of an app: tokens, and no 422, which is never sent.

    Args:
        app: with all its routes.
        open_routes: method and path of the routes that need no token.
    """
    document = app.openapi()
    document["components"]["securitySchemes"] = dict(_SCHEMES)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe_operation(operation, is_open=(method.upper(), path) in open_routes)


def _describe_operation(operation: dict[str, Any], *, is_open: bool) -> None:
    operation["responses"].pop("422", None)
    operation["security"] = [] if is_open else [{name: []} for name in _SCHEMES]
