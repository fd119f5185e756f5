"""Erlang's own client, as a Kazoo node has it, drives a scheduler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kazoo.conftest import NODES, Site
from tests.servers import required
from tests.servers.cluster import numbered_csv

SCRIPT = Path(__file__).with_name("crossbar.escript")
LIBRARIES = Path("/usr/lib/rabbitmq/lib")


def erlang_libraries() -> Path:
    """Where Debian's `rabbitmq-server` has `amqp_client`."""
    found = sorted(LIBRARIES.glob("rabbitmq_server-*/plugins/amqp_client-*"))
    if not found or shutil.which("escript") is None:
        required.missing("Erlang's amqp_client (in Debian's rabbitmq-server)")
    return found[-1].parent


def ask(url: str, *requests: tuple[str, ...]) -> list[dict[str, Any]]:
    """Replies to requests, each an event and its `KEY=VALUE` pairs."""
    words = [word for request in requests for word in (*request, "--")][:-1]
    done = subprocess.run(
        ["escript", str(SCRIPT), url, *words],
        env={"PATH": os.environ["PATH"], "ERL_LIBS": str(erlang_libraries()), "HOME": "/nowhere"},  # noqa: TID251
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(120)
def test_erlangs_own_client_gets_all_of_kazoos_replies(site: Site, amqp_url: str) -> None:
    task_id = site.client.create("slow", "copy", numbered_csv(100_000))
    named = f"Task-ID={task_id}"
    replies = ask(
        amqp_url,
        ("lookup",),
        ("lookup", "Category=slow"),
        ("lookup", "Category=slow", "Action=copy"),
        ("lookup", "Category=slow", "Action=unknown"),
        ("start", named),
        ("start", named),
        ("remove", named),
        ("stop", named),
        ("stop", named),
        ("remove", named),
        ("remove", named),
    )
    helps, rest = replies[:4], [one["Reply"] for one in replies[4:]]
    assert [[*one["Help"].get("slow", {})] for one in helps] == [["copy"]] * 3 + [[]]
    told = [one if isinstance(one, str) else one["_read_only"]["status"] for one in rest]
    assert told == [
        "executing",
        "already_started",
        "task_running",
        "stopped",
        "not_running",
        "stopped",
        "not_found",
    ]
    assert {one["Node"] for one in replies} <= set(NODES)
