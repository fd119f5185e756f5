"""The OpenAPI document, encoded once."""

from __future__ import annotations

from typing import Final

import orjson
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response

from kztasks.api.auth import charge_open_route
from kztasks.api.documents import Document

router = APIRouter(include_in_schema=False, dependencies=[Depends(charge_open_route)])

_KEY: Final = "openapi_document"


def keep_document(app: FastAPI) -> Document:
    """Make the document and encode it, which takes half a second, and builds all routes."""
    document = Document.of(orjson.dumps(app.openapi()))
    setattr(app.state, _KEY, document)
    return document


@router.get("/openapi.json")
async def get_document(request: Request) -> Response:
    """What this API is, for machines."""
    document: Document | None = getattr(request.app.state, _KEY, None)
    return (document or keep_document(request.app)).answer(request)
