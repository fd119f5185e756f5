"""Schemathesis reads the OpenAPI document and tries to find a request that it does not foresee."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.servers.cluster import Cluster

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.rabbitmq,
    pytest.mark.store,
    pytest.mark.timeout(240),
]

MAX_TIME_S: Final = 40
SEED: Final = "20261123"
EXAMPLES: Final = "8"

CONFIG: Final = """
[parameters]
"path.account_id" = "{account_id}"

[checks.positive_data_acceptance]
# What is valid by its shape may still be no CSV, or not the one that the action wants.
expected-statuses = ["2xx", "304", "400", "401", "403", "404", "409", "413", "415", "416", "422"]
"""
SAME_ROUTES: Final = "^/v2/(account/|tasks/)"
"""The same routes as below an account, once more."""


@dataclass(frozen=True, slots=True)
class Site:
    """A front whose account may do everything."""

    url: str
    account_id: str
    token: str
    folder: Path

    def schemathesis(self, *arguments: str) -> None:
        """Run it with all checks; fail with what it has found."""
        (self.folder / "schemathesis.toml").write_text(CONFIG.format(account_id=self.account_id))
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"{self.url}/v2/openapi.json",
            "--header", f"X-Auth-Token: {self.token}",
            "--checks", "all", "--seed", SEED, "--max-examples", EXAMPLES, "--no-shrink",
            "--warnings", "off", *arguments,
        ]  # fmt: skip
        run = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=200
        )
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def site(cluster: Cluster) -> Iterator[Site]:
    added = cluster.start("accounts", "accounts", "add", "test", "--superduper")
    assert added.process.wait(30) == 0, added.log.read_text()
    words = added.log.read_text().split()
    api, url = cluster.api(http_rate_burst="1000000", http_rate_per_s="1000000")
    cluster.scheduler()
    cluster.app()
    account_id, token = words[words.index("account") + 1], words[words.index("token") + 1]
    yield Site(url, account_id, token, cluster.folder)
    crashed = api.logged("request_crashed")
    assert not crashed, crashed[0]


def test_no_request_gets_an_answer_that_the_document_does_not_foresee(site: Site) -> None:
    site.schemathesis(
        *("--exclude-path-regex", SAME_ROUTES),
        *("--exclude-path", "/v2/token_auth"),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-time", str(MAX_TIME_S)),
    )


def test_nor_do_those_that_give_a_token_up(site: Site) -> None:
    site.schemathesis("--include-path", "/v2/token_auth", "--phases", "examples,coverage,fuzzing")
