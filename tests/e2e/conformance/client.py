"""A Kazoo client: httpx and JSON after Crossbar's published behaviour; no code of ours.

Whatever it asks, it checks what holds for every answer: headers, and the envelope.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.servers.cluster import eventually

GREGORIAN_OFFSET_S: Final = 62_167_219_200
ENDED: Final = {"success", "failure", "partial", "stopped", "internal_error"}

_NODE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TASK_ID: Final = re.compile(r"[0-9a-f]{30}")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `envelope` is empty where it is no JSON."""

    status: int
    headers: httpx.Headers
    content: bytes
    envelope: Json

    @property
    def data(self) -> Any:
        """The envelope's `data`."""
        return self.envelope["data"]

    @property
    def task(self) -> Json:
        """The task in the envelope."""
        task: Json = self.data["_read_only"]
        return task

    def succeeded(self, status: int = 200) -> Answer:
        """The same, if it is a success."""
        assert self.status == status, (self.status, self.content[:500])
        assert not self.envelope or self.envelope["status"] == "success"
        return self

    def failed(self, status: int, message: str, data: Any) -> None:
        """Check that it is this error."""
        found = (self.status, self.envelope.get("message"), self.envelope.get("data"))
        assert found == (status, message, data)


@dataclass(frozen=True, slots=True)
class KazooClient:
    """One account's client.

    Args:
        http: knows where the API is.
        account_id: in the URLs.
        token: sent as `X-Auth-Token`.
    """

    http: httpx.Client
    account_id: str
    token: str | None = None

    @property
    def tasks(self) -> str:
        """Path of the account's tasks."""
        return f"/v2/accounts/{self.account_id}/tasks"

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        envelope: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; an envelope goes as JSON, content as it is."""
        sent = {"X-Auth-Token": self.token} if self.token else {}
        if envelope is not None:
            content = json.dumps(envelope).encode()
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        response = self.http.request(method, path, params=query, content=content, headers=sent)
        return checked(response)

    def create(
        self, action: str, csv: bytes | None = None, *, category: str = "numbers", **query: str
    ) -> str:
        """Create a task; its id."""
        answer = self.ask(
            "PUT",
            self.tasks,
            query={"category": category, "action": action, **query},
            content=csv,
            headers={"Content-Type": "text/csv"} if csv is not None else None,
        )
        task_id: str = answer.succeeded(201).task["id"]
        assert _TASK_ID.fullmatch(task_id)
        return task_id

    def one(self, task_id: str) -> str:
        """Path of a task."""
        return f"{self.tasks}/{task_id}"

    def read(self, task_id: str) -> Json:
        """A task."""
        return self.ask("GET", self.one(task_id)).succeeded().task

    def run(self, action: str, csv: bytes | None = None) -> str:
        """Create a task, start it, and wait for its end; its id."""
        task_id = self.create(action, csv)
        self.ask("PATCH", self.one(task_id)).succeeded()
        eventually("the task ends", lambda: self.read(task_id)["status"] in ENDED, within_s=20)
        return task_id


def checked(response: httpx.Response) -> Answer:
    """An answer, once it has what every answer has."""
    headers = response.headers
    assert headers["x-request-id"]
    assert headers["access-control-allow-origin"] == "*"
    envelope: Json = {}
    if headers.get("content-type") == "application/json" and response.content:
        envelope = response.json()
        _check_envelope(response, envelope)
    return Answer(response.status_code, headers, response.content, envelope)


def _check_envelope(response: httpx.Response, envelope: Json) -> None:
    assert "data" in envelope
    assert envelope["request_id"] == response.headers["x-request-id"]
    assert _NODE.fullmatch(envelope["node"])
    assert _TIMESTAMP.fullmatch(envelope["timestamp"])
    assert all(type(envelope["tokens"][name]) is int for name in ("consumed", "remaining"))
    assert ("version" in envelope) == ("auth_token" in envelope), "both, when it is known who asks"
    if response.is_success:
        assert envelope["status"] == "success"
        assert envelope.keys().isdisjoint({"message", "error"})
    else:
        assert envelope["status"] == "error"
        assert envelope["error"] == str(response.status_code)
        assert isinstance(envelope["message"], str)
