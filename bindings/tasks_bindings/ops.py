"""A small HTTP endpoint for probes, beside the real work of a process that has no HTTP front."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
import structlog

_log = structlog.get_logger(__name__)

REQUEST_S: Final = 5.0
"""How long a client may take to ask, and to take the answer."""
MAX_REQUEST_BYTES: Final = 8192
_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer; `status` is one of 200, 400, 404 and 503."""

    status: int
    body: bytes
    content_type: str = "application/json"


Pages = Mapping[str, Callable[[], Awaitable[Page]]]
"""What is answered, by path."""


def json_page(status: int, content: Mapping[str, object]) -> Page:
    """An answer in JSON."""
    return Page(status, orjson.dumps(content))


class OpsServer:
    """Answers `GET` of a few paths until it is closed.

    Args:
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        pages: what is served.
    """

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self._host = host
        self._port = port
        self._pages = pages
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; the port.

        Raises:
            OSError: the address or the port cannot be had.
        """
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=MAX_REQUEST_BYTES
        )
        port: int = self._server.sockets[0].getsockname()[1]
        _log.info("ops_listening", host=self._host, port=port)
        return port

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(await self._answer(head)))
                await writer.drain()
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError) as error:
            _log.debug("ops_request_dropped", why=repr(error))
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> Page:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or words[0] != b"GET":  # noqa: PLR2004  (method, path, version)
            return json_page(400, {"error": "only GET is served"})
        page = self._pages.get(words[1].split(b"?", 1)[0].decode("latin-1"))
        if page is None:
            return json_page(404, {"error": f"there are {', '.join(self._pages)}"})
        return await page()


def _response(page: Page) -> bytes:
    head = (
        f"HTTP/1.1 {page.status} {_REASONS[page.status]}\r\nContent-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + page.body
