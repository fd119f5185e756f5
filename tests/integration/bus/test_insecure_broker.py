"""Every process refuses a broker over a network in the clear, before it sends it anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.cluster import ROOT

COMMANDS = {
    "front": ("kztasks", "api"),
    "scheduler": ("kztasks", "scheduler"),
    "app": ("kztasks", "app", "apps.skel:app"),
    "app without the service": ("tasks_bindings", "apps.skel:app"),
}


@contextmanager
def started(name: str, folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", *COMMANDS[name]],
        env={
            "PATH": os.environ["PATH"],  # noqa: TID251  (handed to a child)
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "KZTASKS_AMQP_URL": "amqp://user:s3cret@rabbit.invalid:5672/",
            **settings,
        },
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_says_why_it_does_not_start_and_ends(name: str, tmp_path: Path) -> None:
    with started(name, tmp_path) as process:
        _, said = process.communicate(timeout=60)

    assert process.returncode == 1
    for part in ("bad_broker_url", "rabbit.invalid", "amqps://", "KZTASKS_INSECURE_AMQP=1"):
        assert part in said
    assert "s3cret" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", COMMANDS)
def test_with_the_setting_it_connects_and_says_what_that_means(name: str, tmp_path: Path) -> None:
    with started(name, tmp_path, KZTASKS_INSECURE_AMQP="1") as process:
        assert process.stderr is not None
        said: list[str] = []
        while not said or "bus_session_not_opened" not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], "it goes on"

    assert any("broker_insecure" in line for line in said)
    assert "s3cret" not in "".join(said)
