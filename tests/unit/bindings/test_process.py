"""A whole app process: it ends when it is told to, and when its app cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
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


def started(folder: Path, broker: str, start: str) -> subprocess.Popen[str]:
    (folder / "mine.py").write_text(APP.format(start=start))
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks_bindings", "mine:app"],
        cwd=folder,
        env={"KZTASKS_AMQP_URL": broker, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "starting\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_without_a_broker_and_ends_when_told_to(
    tmp_path: Path, dead_broker: str, number: signal.Signals
) -> None:
    process = started(tmp_path, dead_broker, "print('here', flush=True)")
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (0, "stopped\n")


def test_it_ends_when_told_to_while_its_app_still_waits_for_something(
    tmp_path: Path, dead_broker: str
) -> None:
    process = started(tmp_path, dead_broker, "await asyncio.Event().wait()")
    process.terminate()
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (0, "")


def test_it_ends_with_the_reason_when_its_app_cannot_start(
    tmp_path: Path, dead_broker: str
) -> None:
    process = started(tmp_path, dead_broker, "raise LookupError('no table')")
    _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "LookupError: no table" in log
