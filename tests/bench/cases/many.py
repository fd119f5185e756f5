"""Many small tasks at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.bench.harness import data
from tests.bench.harness.bench import Bench, Case
from tests.bench.harness.http import at_once
from tests.bench.harness.measure import Contender, difference, in_turn, medians
from tests.bench.harness.names import KZTASKS
from tests.bench.harness.results import CaseResult
from tests.bench.harness.stage import Stage, stage

CLIENTS: Final = 32
"""Who starts many tasks at once does not wait for one after the other."""
LOOK_S: Final = 0.25
"""Each look is a request, whose cost is put down to the tasks."""


@dataclass(frozen=True, slots=True)
class Many:
    """Tasks that are created before, and started by some clients at once."""

    tasks: int
    rows: int

    def __call__(self, bench: Bench, case: Case) -> CaseResult:
        """From the first start request until every output can be downloaded."""
        tasks = bench.scaled(self.tasks)
        with stage(bench.broker, bench.folder) as running:
            running.ready("skel.id2")
            self._round(running, 10)
            run = partial(self._round, running, tasks)
            running.cpu_us.clear()
            series = in_turn([Contender(KZTASKS, tasks, "tasks", run)], bench.rounds)
            cpu = medians(running.cpu_us)
        return CaseResult(name=case.name, title=case.title, series=series, cpu_us=cpu)

    def _round(self, running: Stage, tasks: int) -> float:
        lean, source = running.lean, data.numbered(self.rows)
        ids = at_once(lambda _: lean.create("skel", "id2", source), range(tasks))
        before = running.cpu_s()
        began = time.perf_counter()
        at_once(lambda one: lean.ask("PATCH", f"{lean.tasks}/{one}"), ids, clients=CLIENTS)
        going = f"{lean.tasks}?filter_status=executing&page_size=1"
        while lean.document("GET", going):
            time.sleep(LOOK_S)
        took = time.perf_counter() - began
        spent = difference(before, running.cpu_s())
        running.cpu_us.append({name: s / tasks * 1e6 for name, s in spent.items()})
        expected = data.identity(self.rows)
        outputs = at_once(lambda one: lean.ask("GET", f"{lean.tasks}/{one}/output"), ids)
        assert all(output == expected for output in outputs)
        return took


CASES: Final = (
    Case("small_at_once", "100 tasks of 200 rows at once", Many(100, 200)),
    Case("tiny_tasks", "1,000 tasks of 10 rows at once", Many(1000, 10)),
)
