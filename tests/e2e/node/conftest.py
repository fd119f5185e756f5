"""The sample app in Node.js, installed once, started for each test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.cluster import Running, eventually
from tests.servers.node import install


@pytest.fixture(scope="session")
def node_app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed app."""
    return install(tmp_path_factory.mktemp("node"))


@pytest.fixture
def node_app(node_app_folder: Path, tmp_path: Path, amqp_url: str) -> Iterator[Running]:
    """A running instance."""
    log = tmp_path / "node_words.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["node", "app.js"],
            cwd=node_app_folder,
            env={"PATH": os.environ["PATH"], "KZTASKS_AMQP_URL": amqp_url},  # noqa: TID251
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    running = Running("node_words", process, log)
    try:
        eventually("the app starts", lambda: running.logged("app_started"))
        yield running
    finally:
        if process.poll() is None:
            running.kill()


@pytest.fixture
def instance(node_app: Running) -> str:
    """The name that the instance gave itself."""
    name = node_app.logged("app_started")[0]["instance"]
    return str(name)
