"""Memory of every process while tasks of 1,000 to 1,000,000 rows run, one after another."""

from __future__ import annotations

from typing import Final

from tests.bench.harness import data
from tests.bench.harness.bench import Bench, Case
from tests.bench.harness.memory import Sampler
from tests.bench.harness.results import CaseResult
from tests.bench.harness.stage import stage

SIZES: Final = (1_000, 20_000, 200_000, 1_000_000)


def memory(bench: Bench, case: Case) -> CaseResult:
    """Upload, run and download of each size in the same processes."""
    runs = []
    with stage(bench.broker, bench.folder) as running:
        for size in SIZES:
            rows = bench.scaled(size)
            source, expected = data.numbered(rows), data.identity(rows)
            with Sampler(running.processes) as sampler:
                running.run("skel.id2", source, expected, rows)
            runs.append(sampler.result(rows))
    return CaseResult(name=case.name, title=case.title, memory=tuple(runs))


CASES: Final = (Case("memory", "memory of every process", memory),)
