"""A cluster of real processes for tests: fronts, schedulers and apps on a broker and a database."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from kztasks.store.interface import Account
from kztasks.store.mongo import MongoStore

ROOT: Final = Path(__file__).resolve().parents[2]
START_S: Final = 30.0
POLL_S: Final = 0.05


def eventually(
    what: str, condition: Callable[[], Any], *, within_s: float = START_S, every_s: float = POLL_S
) -> Any:
    """Wait until a condition gives something true, and return it; fail by its name otherwise."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s:g} s (last: {value!r})")
        time.sleep(every_s)


@dataclass(slots=True)
class Running:
    """One process, its log and how to end it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def terminate(self, *, within_s: float = 30.0) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(within_s)

    def pause(self) -> None:
        """SIGSTOP: alive, but it does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    @property
    def peak_memory(self) -> int:
        """Most bytes that the process has had in memory so far (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time that the process has used so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def events(self) -> list[dict[str, Any]]:
        """What it has logged."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What it has logged of one event."""
        return [one for one in self.events() if one.get("event") == event]


@dataclass(slots=True)
class Cluster:
    """Processes that share a broker, a database and a folder."""

    folder: Path
    environment: Mapping[str, str]
    processes: list[Running] = field(default_factory=list)

    def start(
        self,
        name: str,
        *arguments: str,
        cwd: Path = ROOT,
        settings: Mapping[str, str] | None = None,
    ) -> Running:
        """Start `kztasks ARGUMENTS…` in a folder; settings are given without their prefix."""
        variables = {
            "PATH": os.environ["PATH"],  # noqa: TID251  (handed to a child)
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            **self.environment,
            **{f"KZTASKS_{key.upper()}": value for key, value in (settings or {}).items()},
        }
        log = self.folder / f"{name}-{len(self.processes)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "kztasks", *arguments],
                env=variables,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=cwd,
            )
        running = Running(name, process, log)
        self.processes.append(running)
        return running

    def api(self, **environment: str) -> tuple[Running, str]:
        """Start a front on a free port; the process and its address."""
        running = self.start("api", "api", settings={"http_port": "0", **environment})
        started = eventually("the front starts", lambda: running.logged("api_started"))
        return running, f"http://127.0.0.1:{started[0]['port']}"

    def scheduler(self, **environment: str) -> Running:
        """Start a scheduler and wait until it takes requests."""
        running = self.start("scheduler", "scheduler", settings=environment)
        eventually("the scheduler starts", lambda: running.logged("scheduler_started"))
        return running

    def app(
        self, target: str = "apps.skel:app", *, folder: Path = ROOT, **environment: str
    ) -> Running:
        """Start an instance of an app, from a folder, and wait until it takes batches."""
        running = self.start("app", "app", target, cwd=folder, settings=environment)
        eventually("the app starts", lambda: running.logged("app_started"))
        return running

    def account(self) -> tuple[str, str]:
        """Create an account; its id and a token."""
        added = self.start("accounts", "accounts", "add", "test")
        assert added.process.wait(START_S) == 0, added.log.read_text()
        words = added.log.read_text().split()
        return words[words.index("account") + 1], words[words.index("token") + 1]

    def accounts(self, count: int) -> list[tuple[str, str]]:
        """Create accounts without a process for each of them."""
        made = [(secrets.token_hex(16), secrets.token_urlsafe(32)) for _ in range(count)]

        async def store_all() -> None:
            store = MongoStore(
                self.environment["KZTASKS_MONGO_URL"], self.environment["KZTASKS_MONGO_DATABASE"]
            )
            await store.prepare()
            for account_id, token in made:
                await store.accounts.add(Account(account_id=account_id, name="test"))
                await store.accounts.add_token(token, account_id)
            await store.close()

        asyncio.run(store_all())
        return made

    def close(self) -> None:
        """End whatever still runs."""
        for running in self.processes:
            if running.process.poll() is None:
                running.resume()
                running.kill()


@dataclass(slots=True)
class Client:
    """A client of the HTTP API, as a script would be."""

    http: httpx.Client
    account_id: str

    @property
    def tasks(self) -> str:
        """Path of the account's tasks."""
        return f"/v2/accounts/{self.account_id}/tasks"

    def wait_for_action(self, category: str, action: str) -> None:
        """Wait until the action can be discovered."""
        query = {"category": category, "action": action}
        eventually(
            f"{category}.{action} shows up",
            lambda: self.http.get("/v2/tasks", params=query).is_success,
        )

    def create(self, category: str, action: str, csv: bytes | None) -> str:
        """Create a task; its id."""
        response = self.http.put(
            self.tasks,
            params={"category": category, "action": action},
            content=csv,
            headers={"Content-Type": "text/csv"} if csv is not None else {},
        )
        assert response.status_code == 201, response.text
        task_id: str = response.json()["data"]["_read_only"]["id"]
        return task_id

    def begin(self, task_id: str) -> dict[str, Any]:
        """Start a task."""
        response = self.http.patch(f"{self.tasks}/{task_id}")
        assert response.status_code == 200, response.text
        return self._task(response)

    def stop(self, task_id: str) -> dict[str, Any]:
        """Stop a task."""
        response = self.http.patch(f"{self.tasks}/{task_id}/stop")
        assert response.status_code == 200, response.text
        return self._task(response)

    def read(self, task_id: str) -> dict[str, Any]:
        """The task's document."""
        return self._task(self.http.get(f"{self.tasks}/{task_id}"))

    def output(self, task_id: str) -> bytes:
        """The task's `out.csv`."""
        response = self.http.get(f"{self.tasks}/{task_id}/output")
        assert response.status_code == 200, response.text
        return response.content

    def wait_until(
        self, task_id: str, condition: Callable[[dict[str, Any]], bool], *, within_s: float = 60
    ) -> dict[str, Any]:
        """Wait until the task's document fits a condition; the document."""
        found: dict[str, Any] = eventually(
            "the task gets there",
            lambda: document if condition(document := self.read(task_id)) else None,
            within_s=within_s,
        )
        return found

    def wait_for_end(self, task_id: str, *, within_s: float = 60) -> dict[str, Any]:
        """Wait until the task is final; the document."""
        going = {"pending", "executing"}
        return self.wait_until(
            task_id, lambda document: document["status"] not in going, within_s=within_s
        )

    def _task(self, response: httpx.Response) -> dict[str, Any]:
        assert response.is_success, response.text
        document: dict[str, Any] = response.json()["data"]["_read_only"]
        return document


@contextmanager
def client_of(url: str, account_id: str, token: str) -> Iterator[Client]:
    """A client with a token."""
    headers = {"X-Auth-Token": token}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        yield Client(http, account_id)


def numbered_csv(rows: int) -> bytes:
    """A CSV for `skel.id2`, three columns, no two cells alike."""
    lines = (f"a{n},b{n},c{n}\n" for n in range(1, rows + 1))
    return b"col1,col2,note\n" + "".join(lines).encode()


def id2_output(rows: int) -> bytes:
    """What `skel.id2` makes of `numbered_csv`."""
    lines = (f'"a{n}","b{n}","c{n}","a{n}","b{n}"\n' for n in range(1, rows + 1))
    return b'"col1","col2","note","Col1","Col2"\n' + "".join(lines).encode()
