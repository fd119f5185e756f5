"""A site that is set up once: fronts, a scheduler, an app, and a family of accounts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.e2e.conformance.client import KazooClient
from tests.servers.cluster import Cluster, Running, eventually
from tests.servers.rabbitmq import Rabbitmq

KAZOO_KID: Final = "0123456789abcdef0123456789abcdef"
MAX_UPLOAD: Final = 8_000_000
"""Kazoo's own limit."""


@dataclass(frozen=True, slots=True)
class Site:
    """What runs, and who may ask it.

    Args:
        cluster: the processes.
        http: to a front with Kazoo's limit on uploads.
        strict: to a front on which an account has 50 tokens and no more.
        scheduler: the one that there is.
        kazoo_key: signs tokens that a Kazoo cluster could have made.
        clients: by name of the account.
    """

    cluster: Cluster
    http: httpx.Client
    strict: httpx.Client
    scheduler: Running
    kazoo_key: RSAPrivateKey
    clients: dict[str, KazooClient] = field(default_factory=dict)

    def add_account(self, name: str, *arguments: str, parent: str | None = None) -> KazooClient:
        """Create an account as an operator does."""
        if parent is not None:
            arguments += ("--parent", self.clients[parent].account_id)
        account_id, token = self.say("add", name, *arguments)
        self.clients[name] = KazooClient(self.http, account_id, token)
        return self.clients[name]

    def say(self, *arguments: str) -> list[str]:
        """Run `kztasks accounts`; every second word that it prints."""
        ran = self.cluster.start("accounts", "accounts", *arguments)
        assert ran.process.wait(30) == 0, ran.log.read_text()
        return ran.log.read_text().split()[1::2]

    def __getitem__(self, name: str) -> KazooClient:
        """The client of an account."""
        return self.clients[name]


@pytest.fixture(scope="package")
def site(
    rabbitmq: Rabbitmq, store_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Parent, itself, child, sibling, admin and disabled."""
    folder, vhost = tmp_path_factory.mktemp("conformance"), f"test-{uuid.uuid4().hex}"
    environment = {
        "KZTASKS_AMQP_URL": rabbitmq.add_vhost(vhost),
        "KZTASKS_MONGO_URL": store_url,
        "KZTASKS_MONGO_DATABASE": f"kztasks_test_{uuid.uuid4().hex}",
        "KZTASKS_OUTPUT_FOLDER": str(folder),
        "KZTASKS_KAZOO_KEYS_FOLDER": str(folder / "keys"),
    }
    key = write_key(folder / "keys")
    cluster = Cluster(folder, environment)
    try:
        with running(cluster, key) as site:
            yield site
    finally:
        cluster.close()
        rabbitmq.delete_vhost(vhost)


@contextmanager
def running(cluster: Cluster, key: RSAPrivateKey) -> Iterator[Site]:
    """Start everything."""
    _, url = cluster.api(max_upload_bytes=str(MAX_UPLOAD))
    _, strict_url = cluster.api(http_rate_burst="50", http_rate_per_s="0.01")
    scheduler = cluster.scheduler()
    cluster.app("tests.e2e.conformance.app:app")
    with httpx.Client(base_url=url, timeout=30) as http, httpx.Client(base_url=strict_url) as tight:
        site = Site(cluster, http, tight, scheduler, key)
        site.add_account("parent")
        site.add_account("itself", parent="parent")
        site.add_account("child", parent="itself")
        site.add_account("sibling", parent="parent")
        site.add_account("admin", "--superduper")
        site.say("disable", site.add_account("disabled").account_id)
        query = {"category": "numbers", "action": "copy"}
        eventually("the app shows up", lambda: http.get("/v2/tasks", params=query).is_success)
        yield site


def write_key(folder: Path) -> RSAPrivateKey:
    """The key of a Kazoo cluster, and its public half where the fronts look for it."""
    folder.mkdir()
    key = generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{KAZOO_KID}.pem").write_bytes(pem)
    return key


@pytest.fixture
def client(site: Site) -> KazooClient:
    """The client of most tests."""
    return site["itself"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of this folder waits for the whole site."""
    for item in items:
        if "tests/e2e/conformance/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(180))
