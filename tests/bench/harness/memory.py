"""Memory of processes over time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from tests.bench.harness.results import MemoryRun

EVERY_S: Final = 0.25
MIB: Final = 1024 * 1024
RESET_PEAK: Final = "5"
"""What `/proc/PID/clear_refs` takes for it (proc(5))."""


class Sampler:
    """Samples until its block ends: `with Sampler(processes) as sampler: …`, then `result`."""

    def __init__(self, processes: Mapping[str, Sequence[psutil.Process]]) -> None:
        self._processes = processes
        self._seconds: list[float] = []
        self._mib: dict[str, list[float]] = {name: [] for name in processes}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        for members in self._processes.values():
            for process in members:
                with suppress(OSError):
                    Path(f"/proc/{process.pid}/clear_refs").write_text(RESET_PEAK)
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def result(self, rows: int) -> MemoryRun:
        """What was seen while a task of so many rows ran."""
        mib = {name: tuple(values) for name, values in self._mib.items()}
        peaks = {
            name: round(max(peak_mib(members), *mib[name]), 1)
            for name, members in self._processes.items()
        }
        return MemoryRun(rows, tuple(self._seconds), mib, peaks)

    def _sample(self) -> None:
        began = time.monotonic()
        while True:
            self._seconds.append(round(time.monotonic() - began, 2))
            for name, members in self._processes.items():
                self._mib[name].append(round(sum(_resident(one) for one in members) / MIB, 1))
            if self._over.wait(EVERY_S):
                return


def peak_mib(processes: Sequence[psutil.Process]) -> float:
    """Most MiB that the processes have had since the peaks were reset (VmHWM)."""
    return sum(_peak_kib(Path(f"/proc/{one.pid}/status").read_text()) for one in processes) / 1024


def _peak_kib(status: str) -> int:
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def _resident(process: psutil.Process) -> int:
    return int(process.memory_info().rss)
