"""A private RabbitMQ node for tests: own name, ports, cookie and folders, loopback only.

It never meets a broker of the system: the node is registered with an epmd of its own, on a port of
its own, and `HOME` is the temporary folder, so that even the Erlang cookie is its own.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.servers.ports import Ports

SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")
"""Debian's scripts in `/usr/sbin` change the user and the folder; these do neither."""
ERL_CALL: Final = Path("/usr/lib/erlang/bin/erl_call")

BOOT_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
CONNECT_ATTEMPTS: Final = 5
GUARD: Final = "read -r _; kill -9 {processes}; rm -rf {folder}"
"""Ends everything when the tests' process died without ending it: its pipe closes then."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


class RabbitmqFailed(Exception):
    """The private node could not be started or controlled; the text holds the node's own words."""


class _NotConnected(RabbitmqFailed):
    """A busy node did not answer `erl_call` in time, so nothing was done."""


def is_installed() -> bool:
    """Whether this machine has RabbitMQ where Debian puts it."""
    return (SCRIPTS / "rabbitmq-server").exists() and ERL_CALL.exists()


class Rabbitmq:
    """One node. Its methods block: call them by `asyncio.to_thread` while a loop has to run."""

    def __init__(self) -> None:
        self.ports = Ports.free()
        self.folder = Path(tempfile.mkdtemp(prefix="kztasks-rabbitmq-"))
        self.node = f"kztasks-{uuid.uuid4().hex[:12]}@localhost"
        self._cookie = uuid.uuid4().hex
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._environment = self._write_configuration()

    @property
    def url(self) -> str:
        """Where the default virtual host is, with the default user."""
        return self.url_of("%2F")

    def url_of(self, vhost: str) -> str:
        """Where a virtual host is (its name quoted), with the default user."""
        return f"amqp://guest:guest@127.0.0.1:{self.ports.amqp}/{vhost}"

    def start(self) -> None:
        """Start the node, again after a `kill` on the same data, and wait until it listens.

        Raises:
            RabbitmqFailed: it ended, or did not listen in time; says the end of its log.
        """
        atexit.register(self.stop)
        if self._epmd is None:
            self._epmd = self._spawn(
                ["epmd", "-port", str(self.ports.epmd), "-address", "127.0.0.1"]
            )
        self._server = self._spawn([str(SCRIPTS / "rabbitmq-server")])
        self._renew_guard()
        self._wait_listening(self._server)

    def stop(self) -> None:
        """End the node and everything that it started, and remove its folder. May be repeated."""
        atexit.unregister(self.stop)
        self._dismiss_guard()
        for process in (self._server, self._epmd):
            if process is not None:
                _end_group(process)
        self._server = self._epmd = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """`kill -9` the node; its data stay for the next `start`."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None

    def sync_directory(self) -> None:
        """Write down now which quorum queues there are; the node does so within seconds only.

        One that was declared right before a `kill` never finds a leader again.
        """
        self.evaluate("[ok = dets:sync(Table) || Table <- dets:all()]")

    def stop_app(self) -> None:
        """Stop the broker inside its node, as an operator does before maintenance."""
        self.ctl("stop_app")

    def start_app(self) -> None:
        """Start the broker inside its node again."""
        self.ctl("start_app")

    def restart_app(self) -> None:
        """`stop_app`, then `start_app`."""
        self.stop_app()
        self.start_app()

    def mend(self) -> None:
        """Have it work again after whatever was done to it; nothing if it works."""
        if self._server is None or self._server.poll() is not None:
            self.start()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.ports.amqp), 1.0):
            return
        self.start_app()

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this node and return what it printed.

        Raises:
            RabbitmqFailed: it failed; says what it printed.
        """
        command = [str(SCRIPTS / "rabbitmqctl"), "--quiet", "--node", self.node, *arguments]
        return self._run(command, stdin="")

    def evaluate(self, expression: str) -> str:
        """Evaluate Erlang inside the node; a tenth of the time that `ctl` takes.

        Args:
            expression: one Erlang expression, without the final dot.

        Raises:
            RabbitmqFailed: it failed; says what was printed.
        """
        command = [str(ERL_CALL), "-n", self.node, "-c", self._cookie, "-e"]
        for _ in range(CONNECT_ATTEMPTS):
            with suppress(_NotConnected):
                return self._run(command, stdin=f"{expression}.\n")
        return self._run(command, stdin=f"{expression}.\n")

    def add_vhost(self, name: str) -> str:
        """Create a virtual host that the default user may use; returns its URL."""
        if _PLAIN_NAME.fullmatch(name) is None:
            raise RabbitmqFailed(f"not a plain name for a virtual host: {name!r}")
        self.evaluate(
            f'ok = rabbit_vhost:add(<<"{name}">>, <<"tests">>), '
            "ok = rabbit_auth_backend_internal:set_permissions("
            f'<<"guest">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)'
        )
        return self.url_of(name)

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host, with its queues and the connections to it."""
        self.evaluate(f'ok = rabbit_vhost:delete(<<"{name}">>, <<"tests">>)')

    def wait_listening(self) -> None:
        """Wait until the AMQP port accepts connections.

        Raises:
            RabbitmqFailed: the node ended, or the port did not open in time.
        """
        if self._server is None:
            raise RabbitmqFailed("the node was not started")
        self._wait_listening(self._server)

    def _write_configuration(self) -> dict[str, str]:
        folder = self.folder
        for name in ("data", "log", "conf.d"):
            (folder / name).mkdir()
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / "rabbitmq-env.conf").write_text("")
        (folder / "advanced.config").write_text("[].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.ports.amqp}\n"
            "disk_free_limit.absolute = 50MB\n"
            "log.console = false\n"
        )
        cookie = folder / ".erlang.cookie"
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Lets the script become the Erlang VM, so that the process id is the node's own.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self.ports.dist),
            "RABBITMQ_CTL_DIST_PORT_MIN": str(self.ports.ctl),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(min(self.ports.ctl + 100, 65535)),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
            "RABBITMQ_CTL_ERL_ARGS": loopback,
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "console.log").open("ab") as console:
            return subprocess.Popen(
                command,
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _run(self, command: list[str], *, stdin: str) -> str:
        done = subprocess.run(
            command,
            env=self._environment,
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=BOOT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0 or "{error," in done.stdout:
            failure = _NotConnected if "failed to connect" in done.stderr else RabbitmqFailed
            raise failure(f"{command[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def _wait_listening(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT_S
        while time.monotonic() < deadline:
            if server.poll() is not None:
                raise RabbitmqFailed(f"the node ended with {server.returncode}: {self._words()}")
            with (
                suppress(OSError),
                socket.create_connection(("127.0.0.1", self.ports.amqp), timeout=1.0),
            ):
                return
            time.sleep(0.05)
        raise RabbitmqFailed(f"not listening after {BOOT_TIMEOUT_S} s: {self._words()}")

    def _words(self) -> str:
        logs = [self.folder / "console.log", *sorted((self.folder / "log").glob("*.log"))]
        return "\n".join(log.read_text(errors="replace")[-3000:] for log in logs if log.exists())

    def _renew_guard(self) -> None:
        self._dismiss_guard()
        groups = [f"-{process.pid}" for process in (self._server, self._epmd) if process]
        command = GUARD.format(processes=" ".join(groups), folder=self.folder)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, then make it, with all that it started."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
