"""Serve the HTTP front with uvicorn, inside a process that handles its own signals."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from kztasks.api.app import announce_close
from kztasks.errors import Misconfigured
from kztasks.processes.http_protocol import Patience, patient_protocol
from kztasks.settings import Settings

GRACE_S = 10
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
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=patient_protocol(patience),
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            limit_concurrency=settings.http_max_connections,
            proxy_headers=bool(settings.http_trusted_proxies),
            forwarded_allow_ips=settings.http_trusted_proxies or None,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_S,
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
        """Take no new connections and finish running requests, within a grace time."""
        announce_close(self._app)
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


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
