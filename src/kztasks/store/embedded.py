"""The embedded default: a MongoDB-wire server on SQLite, as a child process on loopback.

The server is `nx-27017`. Its data, log and pid files lie in one folder, which nobody else may use
at the same time. It ends with its parent, also when the parent is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Final, Self

from kztasks.errors import Misconfigured, StoreUnavailable

_HOST: Final = "127.0.0.1"
_LOCK: Final = "lock"
_URL: Final = "url"
_POLL_S: Final = 0.01
_START_S: Final = 20.0
_LOCK_S: Final = 2.0
"""How long to wait for the server of a parent that has just been killed to let go of the folder."""
_STOP_S: Final = 5.0


def url_of_running(folder: Path) -> str | None:
    """Where the server of another process takes connections, if one runs on this folder."""
    try:
        with (folder / _LOCK).open("a") as lock:
            return None if _try_lock(lock) else (folder / _URL).read_text()
    except OSError:
        return None


class EmbeddedStore:
    """A MongoDB-wire server of one's own: `async with EmbeddedStore(folder) as server`.

    The port is free, and stays reserved while this object is open, so that `restart` finds it again
    and no client can be given it as its own end of a connection.
    """

    def __init__(self, folder: Path) -> None:
        """Nothing happens before `start`.

        Args:
            folder: where the data lies; made if it is missing.
        """
        self._folder = folder
        self._lock: IO[str] | None = None
        self._port: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where clients connect to, as a MongoDB URI.

        Raises:
            StoreUnavailable: the server was not started.
        """
        if self._port is None:
            raise StoreUnavailable("the embedded store was not started")
        return f"mongodb://{_HOST}:{self._port.getsockname()[1]}/"

    @property
    def pid(self) -> int | None:
        """Process id of the server; `None` when it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process is not None else None

    async def start(self) -> None:
        """Start the server and wait until it takes connections.

        Raises:
            Misconfigured: the folder cannot be used, or somebody else uses it.
            StoreUnavailable: the server did not come up; its log is `server.log` in the folder.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = await _locked(self._folder / _LOCK)
        except OSError as error:
            raise Misconfigured(f"the folder {self._folder} cannot be used: {error}") from error
        self._port = _reserved_port()
        try:
            await self._launch()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the server and let go of the folder; stopping twice is no error."""
        if self._process is not None:
            self._process.terminate()
            await self._ended()
        for held in (self._port, self._lock):
            if held is not None:
                held.close()
        self._port = self._lock = None

    async def kill(self) -> None:
        """End the server as a crash would (SIGKILL); the port and the folder stay ours."""
        if self._process is not None:
            self._process.kill()
            await self._ended()

    async def restart(self) -> None:
        """Start the server again on the same port, after `kill` or when it died by itself."""
        await self.kill()
        await self._launch()

    async def _launch(self) -> None:
        try:
            self._process = self._spawn()
            async with asyncio.timeout(_START_S):
                while not await _accepts(self._address()):
                    if self._process.poll() is not None:
                        break
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            await self.kill()
        except OSError as error:
            raise StoreUnavailable("the embedded store could not be started") from error
        if self.pid is None:
            raise StoreUnavailable(
                f"the embedded store did not start; see {self._folder / 'server.log'}"
            )
        (self._folder / _URL).write_text(self.url)

    def _address(self) -> tuple[str, int]:
        if self._port is None:
            raise StoreUnavailable("the embedded store was not started")
        return _HOST, self._port.getsockname()[1]

    def _spawn(self) -> subprocess.Popen[bytes]:
        """The child holds the lock with us, and the reading end of a pipe that ends when we do."""
        if self._lock is None:
            raise StoreUnavailable("the embedded store was not started")
        for name in ("server.pid", _URL):
            (self._folder / name).unlink(missing_ok=True)
        log = self._folder / "server.log"
        if log.exists():
            log.replace(self._folder / "server.log.old")
        command = [sys.executable, "-P", "-m", "kztasks.store.embedded_server"]
        arguments = [str(self._folder), str(self._address()[1]), str(os.getpid())]
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - our own module, our own arguments
                command + arguments,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[self._lock.fileno()],
                start_new_session=True,  # Ctrl-C ends the parent, which then ends the server
            )

    async def _ended(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, _STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


async def _locked(path: Path) -> IO[str]:
    """Hold the file's lock; it is free once every process that holds it has ended."""
    with contextlib.ExitStack() as cleanup:
        file = cleanup.enter_context(path.open("a"))
        for _ in range(round(_LOCK_S / _POLL_S)):
            if _try_lock(file):
                cleanup.pop_all()
                return file
            await asyncio.sleep(_POLL_S)
    raise Misconfigured(f"the folder {path.parent} is in use by another kztasks process")


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reserved_port() -> socket.socket:
    """A socket on a free port that does not listen; the server shares it by SO_REUSEADDR."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind((_HOST, 0))
    return reserved


async def _accepts(address: tuple[str, int]) -> bool:
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
