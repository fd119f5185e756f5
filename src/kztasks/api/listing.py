"""A list of tasks in other forms than a page of JSON: whole, or as a CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import orjson
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from kztasks.api.access import Access
from kztasks.api.context import context_of
from kztasks.api.envelope import SCRIPT_TYPE
from kztasks.api.paging import PageRequest, encode_key
from kztasks.api.service import read_json
from kztasks.api.services import services_of
from kztasks.csvio import cell_text, encode_row, encode_rows
from kztasks.store.interface import PageKey

COLUMNS: Final = (
    "id", "account_id", "auth_account_id", "category", "action", "file_name", "created",
    "start_timestamp", "end_timestamp", "total_count", "failure_count", "success_count", "status",
    "reason", "waiting_for", "rescues", "csvs",
)  # fmt: skip


def listed(items: Sequence[Mapping[str, object]]) -> Response:
    """A page of the list as a CSV."""
    rows = [[cell_text(item.get(column)) for column in COLUMNS] for item in items]
    content = encode_row([*COLUMNS]) + encode_rows(rows)
    return Response(content, headers={"Content-Type": "text/csv"})


def unpaged(request: Request, access: Access, wanted: PageRequest) -> Response:
    """All tasks in one answer, which is written while the store is read.

    It has no keys of pages, as in Kazoo, unless there are more tasks than may be in it: then
    `next_start_key` tells where to go on.
    """
    content, callback = _written(request, access, wanted), context_of(request).callback
    if callback is None:
        return StreamingResponse(content, headers={"Content-Type": "application/json"})
    return StreamingResponse(_called(callback, content), headers={"Content-Type": SCRIPT_TYPE})


async def _called(callback: str, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield f"{callback}(".encode()
    async for piece in content:
        yield piece
    yield b");"


async def _written(request: Request, access: Access, wanted: PageRequest) -> AsyncIterator[bytes]:
    services, context = services_of(request), context_of(request)
    settings = services.deps.settings
    left, following = settings.max_list_size, wanted.start
    yield b'{"data":['
    separator = b""
    while left > 0:
        size = min(left, settings.max_page_size)
        page = await services.tasks.page(access, replace(wanted, size=size, start=following))
        for task in page.tasks:
            yield separator + orjson.dumps(read_json(task))
            separator = b","
        left -= len(page.tasks)
        following = page.following
        if following is None:
            break
    more = _more(following) | services.envelopes.common(context)
    yield b"]," + orjson.dumps({"status": "success", **more})[1:]


def _more(following: PageKey | None) -> dict[str, object]:
    return {"next_start_key": encode_key(following)} if following else {}
