"""The bindings protocol for those who write an app: the AsyncAPI document and its JSON Schemas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from kztasks.api.auth import charge_open_route
from kztasks.api.documents import Document
from kztasks.api.refusals import UnknownSchema
from kztasks.api.routes import parameters
from kztasks.api.routes.answers import errors, unchanged
from tasks_bindings.wire.asyncapi import document_files
from tasks_bindings.wire.messages import MessageType
from tasks_bindings.wire.schemas import DIALECT

router = APIRouter(tags=["protocol"], dependencies=[Depends(charge_open_route)])

_ASYNCAPI_EXAMPLE: Final = {"asyncapi": "3.0.0", "info": {"title": "kztasks bindings"}}
_SHOWN_CHARS: Final = 64
"""As much of a name that is none is repeated to the client."""
_SCHEMA_EXAMPLE: Final = {"$schema": DIALECT, "title": "Batch", "type": "object"}


@cache
def _files() -> Mapping[str, Document]:
    """All that is generated, by its path below `docs/protocol`, byte for byte as it is there."""
    return {path: Document.of(text.encode()) for path, text in document_files().items()}


def _success(example: object) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {200: {"description": "The document", "content": content}, **unchanged()}


@router.get(
    "/asyncapi.json",
    operation_id="get_asyncapi_document",
    response_class=Response,
    response_model=None,
    responses=_success(_ASYNCAPI_EXAMPLE) | errors((429,)),
    openapi_extra=parameters.parameters(parameters.IF_NONE_MATCH),
)
async def get_asyncapi(request: Request) -> Response:
    """How apps talk to schedulers over AMQP, as an AsyncAPI 3.0 document."""
    return _files()["asyncapi.json"].answer(request)


@router.get(
    "/schemas/{message_type}.json",
    operation_id="get_message_schema",
    response_class=Response,
    response_model=None,
    responses=_success(_SCHEMA_EXAMPLE) | errors((404, 429)),
    openapi_extra=parameters.parameters(parameters.IF_NONE_MATCH),
)
async def get_schema(
    request: Request,
    message_type: Annotated[
        str,
        Path(
            description="The AMQP property `type` of the message.",
            json_schema_extra={"enum": [kind.value for kind in MessageType]},
        ),
    ],
) -> Response:
    """The JSON Schema (draft 2020-12) of one message between apps and schedulers."""
    document = _files().get(f"schemas/{message_type}.json")
    if document is None:
        raise UnknownSchema(message_type[:_SHOWN_CHARS])
    return document.answer(request)
