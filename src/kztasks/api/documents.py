"""Documents that stay as they are until the process ends: sent as they were encoded, with a tag."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from kztasks.api.envelope import Revision


@dataclass(frozen=True, slots=True)
class Document:
    """JSON for machines, without an envelope."""

    body: bytes
    revision: Revision

    @classmethod
    def of(cls, body: bytes) -> Document:
        """A document of these bytes, which are JSON."""
        return cls(body, Revision(hashlib.sha256(body).hexdigest()[:32]))

    def answer(self, request: Request) -> Response:
        """The document, or 304 for a client that has it already.

        It may be kept anywhere, as it is nobody's secret, but has to be asked for anew each time:
        the next version of the service may have another one.
        """
        headers = {"ETag": self.revision.etag, "Cache-Control": "public, no-cache"}
        if self.revision.is_known(request.headers.get("if-none-match")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(self.body, headers={**headers, "Content-Type": "application/json"})
