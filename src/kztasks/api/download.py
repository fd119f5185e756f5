"""Sends a stored CSV to a client, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from starlette.responses import Response, StreamingResponse

from kztasks.api.filenames import attachment
from kztasks.api.service import Csv
from kztasks.store.interface import Download

CHUNK_BYTES: Final = 256 * 1024


def csv_response(csv: Csv) -> Response:
    """The CSV under exactly `text/csv`, as Kazoo sends it; 204 for an empty one."""
    if csv.download.size == 0:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    headers = {
        "Content-Type": "text/csv",
        "Content-Length": str(csv.download.size),
        "Content-Disposition": attachment(csv.file_name),
    }
    return StreamingResponse(_chunks(csv.download), headers=headers)


async def _chunks(download: Download) -> AsyncIterator[bytes]:
    while chunk := await download.read(CHUNK_BYTES):
        yield chunk
