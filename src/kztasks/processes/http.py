"""Serve the HTTP front with uvicorn, inside a process that handles its own signals."""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import socket
from collections.abc import Iterator
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI

from kztasks.api.app import announce_close, cut_uploads
from kztasks.errors import Misconfigured
from kztasks.processes.http_protocol import Patience, PatientProtocol, patient_protocol
from kztasks.settings import Settings

_log = structlog.get_logger(__name__)

REFUSE_S: Final = 1.0
"""So long refused uploads have for their answer before all connections are cut."""
END_S: Final = 2.0
"""So long requests without a client have to come to their end."""
MAX_HEADER_BYTES = 64 * 1024
SPARE_FILES = 512
"""Beside its clients a process has the database, the broker and files open."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: signals belong to the process, not to one of its parts."""
        yield


class HttpServer:
    """A running front.

    Args:
        app: the ASGI application.
        settings: where to listen (port 0 takes a free one), and how patient to be.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        host, port = settings.http_host, settings.http_port
        patience = Patience(settings.http_header_timeout_s, settings.http_stall_s)
        self._app = app
        self._connections = settings.http_max_connections
        self._leave_s = settings.http_leave_s
        self._drain_s = settings.http_drain_s
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=patient_protocol(patience),
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_keep_alive=settings.http_keep_alive_s,
            limit_concurrency=settings.http_max_connections,
            proxy_headers=bool(settings.http_trusted_proxies),
            forwarded_allow_ips=settings.http_trusted_proxies or None,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=math.ceil(self._drain_s + REFUSE_S + END_S),
            server_header=False,
        )
        self._server = _Server(config)
        self._socket = _listen(host, port)
        self._serving: asyncio.Task[None] | None = None
        self.port: int = self._socket.getsockname()[1]

    async def start(self) -> None:
        """Serve from now on; returns when the first request can be answered."""
        _allow_open_files(self._connections + SPARE_FILES)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if not self._server.started:
            await self._serving
            raise Misconfigured("the HTTP front ended while it started; see the log")

    async def close(self) -> None:
        """Say that it leaves, take no new connections and finish running requests, for a time.

        What takes longer than that is cut: an upload is refused and not stored, a download breaks
        off. It never looks whole.
        """
        announce_close(self._app)
        if self._serving is None:
            return
        await asyncio.wait({self._serving}, timeout=self._leave_s)
        self._server.should_exit = True
        cutting = asyncio.create_task(self._cut())
        try:
            await self._serving
        finally:
            cutting.cancel()
            await asyncio.wait({cutting})
        if left := self._server.server_state.tasks:
            await asyncio.wait(left, timeout=END_S)

    async def _cut(self) -> None:
        """Cut what is left after the time to drain."""
        await asyncio.sleep(self._drain_s)
        connections = self._server.server_state.connections
        _log.warning("front_cuts_requests", connections=len(connections))
        cut_uploads(self._app)
        await asyncio.sleep(REFUSE_S)
        for connection in list(connections):
            if isinstance(connection, PatientProtocol):
                connection.cut()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Misconfigured(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def _allow_open_files(wanted: int) -> None:
    """Raise the process's own limit as far as the system lets it; Debian's is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
