"""A place in a cluster: one process after another runs there, each killed or paused in its turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.servers.cluster import Running

START_S: Final = 40.0
POLL_S: Final = 0.05
HANDLES_USR1: Final = 1 << 9


@dataclass(slots=True, kw_only=True)
class Member:
    """A place where one process after another runs.

    Args:
        kind: `scheduler`, `app` or `api`.
        number: counted from 0 within its kind.
        spawn: starts a process there.
        arguments: of `kztasks`.
        settings: of this process alone, names without their prefix; may be changed between two.
    """

    kind: str
    number: int
    spawn: Callable[[Member], Running]
    arguments: Sequence[str]
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[Running] = field(default_factory=list)
    """All that have run here; the last one is the present one."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a fault is done to it: two at once would be none."""

    @property
    def name(self) -> str:
        """Such as `scheduler-1`."""
        return f"{self.kind}-{self.number}"

    @property
    def present(self) -> Running:
        """The process that runs here now, or ran last."""
        return self.processes[-1]

    @property
    def pid(self) -> int:
        """Of the present process."""
        return self.present.process.pid

    def start(self) -> None:
        """Start a process."""
        self.processes.append(self.spawn(self))

    async def started(self, within_s: float = START_S) -> dict[str, Any]:
        """Wait until the present process says that it has started; the line of its log."""
        deadline = time.monotonic() + within_s
        while True:
            process = self.present
            if lines := process.logged(f"{self.kind}_started"):
                return lines[0]
            if process.process.poll() is not None and process is self.present:
                raise AssertionError(f"{self.name} ended: {tail(process.log)}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not start: {tail(process.log)}")
            await asyncio.sleep(POLL_S)

    def kill(self) -> None:
        """`kill -9`; nothing runs here then."""
        self.present.kill()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """What all processes here have logged of an event, in order."""
        return [line for process in self.processes for line in process.logged(event)]

    def times(self, event: str) -> int:
        """How often all processes here have logged an event; quicker than `logged`."""
        needle = f'"event": "{event}"'.encode()
        return sum(process.log.read_bytes().count(needle) for process in self.processes)

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What all processes here have logged as an error."""
        lines = (line for process in self.processes for line in process.events())
        return [line for line in lines if line.get("level") in ("error", "critical")]

    def dump_stacks(self) -> bool:
        """Have the present process write what it waits for to its log, if it can."""
        process = self.present.process
        if process.poll() is not None or not _handles_usr1(process.pid):
            return False
        process.send_signal(10)
        return True

    def close(self) -> None:
        """End whatever runs here."""
        if self.processes and self.present.process.poll() is None:
            self.present.resume()
            self.present.kill()


def _handles_usr1(pid: int) -> bool:
    """Whether SIGUSR1 does anything but end the process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & HANDLES_USR1)


def tail(log: Path, characters: int = 2_000) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-characters:] if log.exists() else "(no log)"
