"""An HTTP server that only writes what comes to a file, and sends it again."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

FILE: Final = Path(os.getenv("BENCH_FILE", "/dev/null"))
CHUNK: Final = 256 * 1024


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """PUT takes, GET gives (ASGI 3)."""
    if scope["type"] != "http":
        return
    if scope["method"] == "PUT":
        await _take(receive)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["method"] == "GET":
        await _give(send)
    await send({"type": "http.response.body", "body": b""})


async def _take(receive: Receive) -> None:
    with FILE.open("wb") as file:  # noqa: ASYNC230  (one client; nothing else to do)
        while True:
            message = await receive()
            file.write(message.get("body", b""))
            if not message.get("more_body", False):
                return


async def _give(send: Send) -> None:
    with FILE.open("rb") as file:  # noqa: ASYNC230  (as above)
        while chunk := file.read(CHUNK):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
