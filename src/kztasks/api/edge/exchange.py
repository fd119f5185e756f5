"""The messages of one request, on their way in and out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Send

from kztasks.api.edge.cors import Cors
from kztasks.api.limits.refusals import Leaving, SlowUpload

DRAIN_BYTES: Final = 32 * 1024 * 1024
DRAIN_S: Final = 3.0
"""How much of a refused body is still read, so that the client gets to see the answer."""

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


class Exchange:
    """Counts and completes what goes through.

    Args:
        headers: of the request.
        receive: gives what the client sends.
        send: takes what it gets.
        request_id: for the answer's header.
        cors: which sites may read the answer.
        allowed: methods of the path, for an answer that refuses another one.
    """

    def __init__(
        self,
        headers: Headers,
        receive: Receive,
        send: Send,
        request_id: str,
        cors: Cors,
        allowed: Sequence[str],
    ) -> None:
        self._receive = receive
        self._send = send
        self._request_id = request_id
        self._cors = cors
        self._origin = headers.get("origin")
        self._allowed = allowed
        self._started_at = time.monotonic()
        self._has_unread = (
            headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        )
        self._may_drain = "expect" not in headers
        self.bytes_sent = 0
        self.status: int | None = None

    @property
    def duration_s(self) -> float:
        """Seconds since the request's header."""
        return time.monotonic() - self._started_at

    async def receive(self) -> Message:
        """The client's next message.

        Raises:
            SlowUpload: it takes too long.
            Leaving: so does the process, which ends.
        """
        self._may_drain = True  # whoever waited for a go-ahead has it now
        try:
            message = await self._receive()
        except (SlowUpload, Leaving):
            self._may_drain = False
            raise
        self._has_unread = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Hand on a message for the client."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            self._complete(MutableHeaders(scope=message))
            if self._has_unread and self._may_drain:
                await self._drain()
        else:
            self.bytes_sent += len(message.get("body", b""))
        await self._send(message)

    def _complete(self, headers: MutableHeaders) -> None:
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        headers["X-Request-ID"] = self._request_id
        self._cors.allow(headers, self._origin)
        if self.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(self._allowed)

    async def _drain(self) -> None:
        """Read and forget the rest of the body.

        A server that answers and closes while data is still coming in makes the network drop its
        answer (RFC 9112, section 9.6).
        """
        left = DRAIN_BYTES
        try:
            async with asyncio.timeout(DRAIN_S):
                while self._has_unread and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except (TimeoutError, SlowUpload, Leaving):
            pass
