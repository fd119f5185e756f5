"""A client that costs little, so that the server is what is measured."""

from __future__ import annotations

import http.client
import json
import select
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

CLIENTS: Final = 4
"""Threads with a connection each."""
TIMEOUT_S: Final = 120.0

Given = TypeVar("Given")
Got = TypeVar("Got")


class Lean:
    """Requests to one server as one account, over a connection for each thread."""

    def __init__(self, url: str, token: str, account_id: str) -> None:
        self._address = urlsplit(url).netloc
        self._headers = {"X-Auth-Token": token}
        self._local = threading.local()
        self.tasks = f"/v2/accounts/{account_id}/tasks"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """Send a request and read the whole answer.

        Args:
            headers: with `_` for `-` in their names.

        Raises:
            AssertionError: the answer is no success.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self._connection()
        connection.request(method, path, body, self._headers | named)
        response = connection.getresponse()
        content = response.read()
        assert response.status < 300, f"{method} {path}: {response.status} {content[:500]!r}"
        return content

    def document(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """The `data` of the answer."""
        return json.loads(self.ask(method, path, body, **headers))["data"]

    def create(self, category: str, action: str, csv: bytes) -> str:
        """Create a task; its id."""
        path = f"{self.tasks}?category={category}&action={action}"
        created = self.document("PUT", path, csv, Content_Type="text/csv")
        task_id: str = created["_read_only"]["id"]
        return task_id

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        connection: http.client.HTTPConnection = self._local.connection
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()  # idle for longer than the server keeps it; the next one is new
        return connection


def at_once(
    do: Callable[[Given], Got], work: Iterable[Given], *, clients: int = CLIENTS
) -> list[Got]:
    """Do it for all, by as many threads as there are clients."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(do, work))


def seconds_of(do: Callable[[str], object], paths: Sequence[str]) -> float:
    """How long it takes to do it for all paths at once."""
    began = time.perf_counter()
    at_once(do, paths)
    return time.perf_counter() - began


def metric(page: str, name: str) -> float | None:
    """The value of a metric without labels, or `None` if the page has none of this name."""
    for line in page.splitlines():
        if line.startswith(f"{name} "):
            with suppress(ValueError):
                return float(line.split()[1])
    return None


def bound_of_all(page: str, name: str) -> float | None:
    """The least bound of a histogram that all observations are within; `inf` if it has none."""
    total = metric(page, f"{name}_count")
    if not total:
        return None
    for line in page.splitlines():
        head, _, value = line.rpartition(" ")
        if head.startswith(f'{name}_bucket{{le="') and float(value) == total:
            return float(head.split('"')[1])
    return None
