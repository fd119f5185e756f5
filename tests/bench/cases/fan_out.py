"""A stateless action on 1, 2 and 4 processes of its app."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.bench.harness import data
from tests.bench.harness.bench import Bench, Case
from tests.bench.harness.measure import Contender, in_turn
from tests.bench.harness.names import processes
from tests.bench.harness.results import CaseResult
from tests.bench.harness.stage import APP, Stage, stage

INSTANCES: Final = (1, 2, 4)
WARM_UP: Final = 200


@dataclass(frozen=True, slots=True)
class FanOut:
    """The same rows on clusters that differ in the number of app processes alone."""

    rows: int
    action: str
    app: str
    expected: Callable[[int], bytes]

    def __call__(self, bench: Bench, case: Case) -> CaseResult:
        """Measure the clusters in turn; those that are not measured are idle."""
        rows = bench.scaled(self.rows)
        source, expected = data.numbered(rows), self.expected(rows)
        with ExitStack() as stack:
            contenders = []
            for count in INSTANCES:
                running = stack.enter_context(
                    stage(bench.broker, bench.folder, app=self.app, instances=count)
                )
                self._warm_up(running)
                run = partial(running.run, self.action, source, expected, rows)
                contenders.append(Contender(processes(count), rows, "rows", run))
            series = in_turn(contenders, bench.rounds)
        return CaseResult(name=case.name, title=case.title, series=series)

    def _warm_up(self, running: Stage) -> None:
        running.run(self.action, data.numbered(WARM_UP), self.expected(WARM_UP), WARM_UP)


CASES: Final = (
    Case(
        "fan_out_cpu",
        "fan-out, each row computes for 50 µs, 100,000 rows",
        FanOut(100_000, "bench.hash", APP, data.hashes),
    ),
    Case(
        "fan_out_wait",
        "fan-out, each row blocks for 1 ms, 6,000 rows",
        FanOut(6_000, "waiting.block", "tests.apps.bench:one_at_a_time", data.identity),
    ),
)
