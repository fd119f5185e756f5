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


def keep_document(app: FastAPI) -> None:
    """Encode the document as it is now."""
    setattr(app.state, _KEY, Document.of(orjson.dumps(app.openapi())))


@router.get("/openapi.json")
async def get_document(request: Request) -> Response:
    """What this API is, for machines."""
    document: Document = getattr(request.app.state, _KEY)
    return document.answer(request)
