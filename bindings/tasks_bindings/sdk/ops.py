"""A small HTTP endpoint of an app process, for probes: is it alive, is it ready; if not, why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import orjson
import structlog

_log = structlog.get_logger(__name__)

REQUEST_S: Final = 5.0
"""How long a client may take to ask."""
MAX_REQUEST_BYTES: Final = 8192
_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


class OpsServer:
    """Answers `GET /livez` and `GET /readyz` until it is closed.

    `/livez` is 200 as long as the event loop turns. `/readyz` is 200 when the instance takes rows
    of everything that it serves, else 503; its JSON says why (`not_ready`).

    Args:
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        not_ready: asked for the reasons.
    """

    def __init__(self, host: str, port: int, not_ready: Callable[[], list[str]]) -> None:
        self._host = host
        self._port = port
        self._not_ready = not_ready
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
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError) as error:
            _log.debug("ops_request_dropped", why=repr(error))
        finally:
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or words[0] != b"GET":  # noqa: PLR2004  (method, path, version)
            return _response(400, {"error": "only GET is served"})
        match words[1].split(b"?", 1)[0]:
            case b"/livez":
                return _response(200, {"alive": True})
            case b"/readyz":
                why = self._not_ready()
                return _response(503 if why else 200, {"ready": not why, "not_ready": why})
            case _:
                return _response(404, {"error": "there are /livez and /readyz"})


def _response(status: int, content: dict[str, object]) -> bytes:
    body = orjson.dumps(content)
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
