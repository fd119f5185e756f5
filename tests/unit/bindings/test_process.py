"""A whole app process: it ends when it is told to, and when its app cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

PATIENCE_S: Final = 20.0

APP: Final = """
import asyncio
from tasks_bindings import App, Environment

app = App("mine")

@app.on_start
async def start(environment: Environment) -> None:
    print("starting", flush=True)
    {start}

@app.on_stop
async def stop(environment: Environment) -> None:
    print("stopped", flush=True)
"""


@pytest.fixture
def dead_broker() -> Iterator[str]:
    """The address of a broker that is not there."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # nobody listens
        yield f"amqp://127.0.0.1:{reserved.getsockname()[1]}/"


Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path, dead_broker: str) -> Iterator[Start]:
    """Start a process whose start hook does this; it is killed if the test leaves it behind."""
    processes: list[subprocess.Popen[str]] = []

    def start(what: str) -> subprocess.Popen[str]:
        (tmp_path / "mine.py").write_text(APP.format(start=what))
        process = subprocess.Popen(
            [sys.executable, "-m", "tasks_bindings", "mine:app"],
            cwd=tmp_path,
            env={"KZTASKS_AMQP_URL": dead_broker, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_without_a_broker_and_ends_when_told_to(
    start: Start, number: signal.Signals
) -> None:
    process = start("pass")
    assert process.stderr is not None
    while "app_started" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (0, "stopped\n")


def test_it_ends_when_told_to_while_its_app_still_waits_for_something(start: Start) -> None:
    process = start("await asyncio.Event().wait()")
    process.terminate()
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (0, "")


def test_it_ends_with_the_reason_when_its_app_cannot_start(start: Start) -> None:
    process = start("raise LookupError('no table')")
    _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "LookupError: no table" in log
