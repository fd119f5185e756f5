"""How soon a large task shows progress, and how soon a fast one can be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.bench.harness import data
from tests.bench.harness.bench import Bench, Case
from tests.bench.harness.names import FIRST_PROGRESS, STOP
from tests.bench.harness.results import CaseResult, Series
from tests.bench.harness.stage import Stage, stage

ROWS: Final = 1_000_000
LOOK_S: Final = 0.01
RUN_S: Final = 0.5
"""How long the task runs on before it is stopped."""
LIMIT_S: Final = 60.0

FINAL: Final = {"success", "failure", "partial", "stopped", "internal_error"}


@dataclass(slots=True)
class _Task:
    """The task that runs now: it is started, watched, then stopped."""

    running: Stage
    source: bytes
    expected: bytes
    id: str = ""

    def first_progress(self) -> float:
        """Seconds from the start request until the document counts a row."""
        client = self.running.client
        self.id = client.create("skel", "id2", self.source)
        began = time.perf_counter()
        client.begin(self.id)
        self._until(lambda task: _done(task) > 0 or task["status"] in FINAL)
        return time.perf_counter() - began

    def stop(self) -> float | None:
        """Seconds from the stop request until the task is final and its output is there.

        `None` if it had ended before.
        """
        client = self.running.client
        time.sleep(RUN_S)
        if client.read(self.id)["status"] in FINAL:
            return None
        began = time.perf_counter()
        client.stop(self.id)
        self._until(lambda task: task["status"] in FINAL)
        took = time.perf_counter() - began
        output = client.output(self.id)
        assert output.endswith(b"\n")
        assert self.expected.startswith(output)
        return took

    def _until(self, condition: Callable[[Mapping[str, Any]], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition(self.running.client.read(self.id)):
            assert time.monotonic() < deadline, "the task did not get there"
            time.sleep(LOOK_S)


def _done(task: Mapping[str, Any]) -> int:
    return int(task.get("success_count", 0)) + int(task.get("failure_count", 0))


def answers(bench: Bench, case: Case) -> CaseResult:
    """Each round starts a task of a million rows, sees it count, and stops it."""
    rows = bench.scaled(ROWS)
    with stage(bench.broker, bench.folder) as running:
        running.ready("skel.id2")
        task = _Task(running, data.numbered(rows), data.identity(rows))
        rounds = [(task.first_progress(), task.stop()) for _ in range(bench.rounds)]
    series = [Series(FIRST_PROGRESS, 1, "times", tuple(first for first, _ in rounds))]
    stops = tuple(stop for _, stop in rounds if stop is not None)
    if stops:
        series.append(Series(STOP, 1, "times", stops))
    return CaseResult(name=case.name, title=case.title, series=tuple(series))


CASES: Final = (Case("answers", "a task of 1,000,000 rows is started, seen and stopped", answers),)
