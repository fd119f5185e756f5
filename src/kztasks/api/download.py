"""Sends a stored CSV to a client, whole or in part, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from kztasks.api.access import Access
from kztasks.api.envelope import Revision
from kztasks.api.filenames import attachment
from kztasks.api.metrics import Metrics
from kztasks.api.neutral import neutralised
from kztasks.api.ranges import byte_range
from kztasks.api.refusals import NoSuchFile
from kztasks.api.salvage import output_from_log
from kztasks.api.services import Services, services_of
from kztasks.store.interface import Download

CHUNK_BYTES: Final = 256 * 1024
OUTPUT: Final = "out.csv"


async def send_csv(
    request: Request, access: Access, task_id: str, name: str, *, is_safe: bool
) -> Response:
    """A CSV of a task under exactly `text/csv`, as Kazoo sends it; 204 for an empty one.

    An `out.csv` that could not be stored is sent from the task's log.

    Args:
        request: may want a range, or have the file already.
        access: to the task.
        task_id: whose CSV.
        name: `in.csv` or `out.csv`.
        is_safe: whether nothing in it may look like a formula; such a copy has neither length nor
            revision, as it is made while it is sent.

    Raises:
        UnknownTask: there is no such task.
        NoSuchFile: it has no such file.
        BadRange: no byte of the file is in the range.
    """
    services = services_of(request)
    try:
        csv = await services.tasks.csv(access, task_id, name)
    except NoSuchFile:
        if name != OUTPUT:
            raise
        return await _send_from_log(services, access, task_id, is_safe=is_safe)
    headers = {"Content-Disposition": attachment(csv.file_name)}
    if is_safe:
        download = await services.tasks.open(csv)
        return _answer(neutralised(_chunks(download)), headers, services.metrics)
    headers["Accept-Ranges"] = "bytes"
    revision = Revision(csv.sha256) if csv.sha256 else None
    if revision is not None:
        headers["ETag"] = revision.etag
        if revision.is_known(request.headers.get("if-none-match")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    download = await services.tasks.open(csv)
    if download.size == 0:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    wanted = byte_range(
        request.headers.get("range"),
        request.headers.get("if-range"),
        size=download.size,
        etag=revision.etag if revision else None,
    )
    if wanted is None:
        headers["Content-Length"] = str(download.size)
        return _answer(_chunks(download), headers, services.metrics)
    headers |= {"Content-Length": str(wanted.length), "Content-Range": wanted.content_range}
    part = await services.tasks.open(csv, offset=wanted.start)
    return _answer(
        _chunks(part, wanted.length), headers, services.metrics, HTTPStatus.PARTIAL_CONTENT
    )


async def _send_from_log(
    services: Services, access: Access, task_id: str, *, is_safe: bool
) -> Response:
    """Without length, ranges and revision: they are known when all of it was sent."""
    task = await services.tasks.read(access, task_id)
    parts = await output_from_log(services.deps.store.log, task)
    headers = {
        "Content-Disposition": attachment(f"{task.category}_{task.action}_{task.id}_{OUTPUT}")
    }
    return _answer(neutralised(parts) if is_safe else parts, headers, services.metrics)


def _answer(
    chunks: AsyncIterator[bytes],
    headers: dict[str, str],
    metrics: Metrics,
    status: int = HTTPStatus.OK,
) -> Response:
    headers["Content-Type"] = "text/csv"
    return StreamingResponse(_counted(chunks, metrics), status_code=status, headers=headers)


async def _chunks(download: Download, length: int | None = None) -> AsyncIterator[bytes]:
    left = download.size if length is None else length
    while left > 0 and (chunk := await download.read(min(CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk


async def _counted(chunks: AsyncIterator[bytes], metrics: Metrics) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        metrics.output_bytes.inc(len(chunk))
        yield chunk
