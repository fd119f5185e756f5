"""The private RabbitMQ node of the tests: it is nobody else's, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.servers.rabbitmq import Rabbitmq, RabbitmqFailed

pytestmark = pytest.mark.rabbitmq

ROOT: Final = Path(__file__).resolve().parents[3]
RUN: Final = """
import sys, time
from tests.servers.rabbitmq import Rabbitmq
node = Rabbitmq()
node.start()
print(node.folder, node.ports.amqp, node.ports.epmd, flush=True)
try:
    sys.stdin.read()
finally:
    if sys.argv[1] == "stops":
        node.stop()
"""


def listeners(*ports: int) -> list[str]:
    """The addresses on which somebody listens at these ports."""
    return [
        each.laddr.ip
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port in ports
    ]


@pytest.mark.parametrize(
    ("manner", "number"),
    [("stops", signal.SIGINT), ("atexit", signal.SIGINT), ("guard", signal.SIGKILL)],
)
def test_nothing_is_left_however_the_run_ends(
    rabbitmq: Rabbitmq, manner: str, number: signal.Signals
) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, manner],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert run.stdout is not None
    folder, *ports = run.stdout.readline().split()
    assert listeners(*map(int, ports))
    run.send_signal(number)
    run.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while (listeners(*map(int, ports)) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listeners(*map(int, ports))
    assert not Path(folder).exists()


def test_the_node_listens_on_loopback_only(rabbitmq: Rabbitmq) -> None:
    ports = rabbitmq.ports
    assert set(listeners(ports.amqp, ports.dist, ports.epmd)) <= {"127.0.0.1", "::1"}


def test_the_node_keeps_its_cookie_to_itself(rabbitmq: Rabbitmq) -> None:
    cookie = rabbitmq.folder / ".erlang.cookie"
    assert cookie.stat().st_mode & 0o077 == 0
    assert cookie.read_text() not in Path("/proc/self/environ").read_text()


def test_a_refused_command_says_why(rabbitmq: Rabbitmq) -> None:
    with pytest.raises(RabbitmqFailed, match="no_such_command"):
        rabbitmq.ctl("no_such_command")
    with pytest.raises(RabbitmqFailed, match="undef"):
        rabbitmq.evaluate("no_such_module:function()")
