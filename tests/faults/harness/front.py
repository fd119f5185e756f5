"""A client of the HTTP API that goes on asking while parts of the cluster are away."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

import httpx

PATIENCE_S: Final = 60.0
PAUSE_S: Final = 0.2
AWAY: Final = frozenset({429, 502, 503, 504})


@dataclass(slots=True)
class Front:
    """One account's view of the API."""

    http: httpx.AsyncClient
    account_id: str
    refusals: int = 0
    """Answers that asked to come again, and connections that were refused or broken."""

    @property
    def tasks(self) -> str:
        """Path of the account's tasks."""
        return f"/v2/accounts/{self.account_id}/tasks"

    async def ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        """Send a request until it is answered by more than "come again".

        Raises:
            AssertionError: it was not, for a minute.
        """
        deadline = time.monotonic() + PATIENCE_S
        said: object = None
        while time.monotonic() < deadline:
            try:
                response = await self.http.request(method, path, **what)
            except httpx.TransportError as error:
                said = repr(error)
            else:
                if response.status_code not in AWAY:
                    return response
                said = response.text
            self.refusals += 1
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"{method} {path}: not in {PATIENCE_S:g} s; last {said}")

    async def wait_for_action(self, category: str, action: str) -> None:
        """Wait until the action can be discovered."""
        query = {"category": category, "action": action}
        deadline = time.monotonic() + PATIENCE_S
        while not (await self.ask("GET", "/v2/tasks", params=query)).is_success:
            assert time.monotonic() < deadline, f"{category}.{action} never shows up"
            await asyncio.sleep(PAUSE_S)

    async def create(self, category: str, action: str, csv: bytes) -> str:
        """Create a task, once however often it has to be asked for; its id."""
        response = await self.ask(
            "PUT",
            self.tasks,
            params={"category": category, "action": action},
            content=csv,
            headers={"Content-Type": "text/csv", "Idempotency-Key": uuid.uuid4().hex},
        )
        assert response.status_code == 201, response.text
        task_id: str = response.json()["data"]["_read_only"]["id"]
        return task_id

    async def begin(self, task_id: str) -> None:
        """Start a task; that it was started by a request whose answer was lost is as good."""
        response = await self.ask("PATCH", f"{self.tasks}/{task_id}")
        if not response.is_success:
            assert (await self.read(task_id))["status"] != "pending", response.text

    async def stop(self, task_id: str) -> httpx.Response:
        """Ask to stop a task."""
        return await self.ask("PATCH", f"{self.tasks}/{task_id}/stop")

    async def read(self, task_id: str) -> dict[str, Any]:
        """The task's document."""
        response = await self.ask("GET", f"{self.tasks}/{task_id}")
        assert response.is_success, response.text
        document: dict[str, Any] = response.json()["data"]["_read_only"]
        return document

    async def output(self, task_id: str) -> bytes:
        """The task's `out.csv`."""
        response = await self.ask("GET", f"{self.tasks}/{task_id}/output")
        assert response.status_code == 200, response.text
        return response.content
