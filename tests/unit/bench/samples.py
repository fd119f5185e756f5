from __future__ import annotations

from typing import Final

from tests.bench.harness.names import (
    CELERY_BATCHES,
    CELERY_ROWS,
    FIRST_PROGRESS,
    KZTASKS,
    PLAIN,
    STOP,
    processes,
)
from tests.bench.harness.results import CaseResult, MemoryRun, Run, Series


def rows(name: str, count: int, **seconds: float) -> CaseResult:
    """A case in which every round took the same."""
    names = {
        "kztasks": KZTASKS,
        "plain": PLAIN,
        "batches": CELERY_BATCHES,
        "per_row": CELERY_ROWS,
        "one": processes(1),
        "two": processes(2),
        "four": processes(4),
    }
    series = tuple(
        Series(names[key], count, "rows", (value,) * 3) for key, value in seconds.items()
    )
    return CaseResult(name=name, title=f"{name} | title", series=series)


def memory(name: str = "memory", last: float = 120.0) -> CaseResult:
    small = MemoryRun(1000, (0.0,), {"api": (90.0,)}, {"api": 95, "scheduler": 90, "app": 80})
    peaks = {"api": 95, "scheduler": last, "app": 81}
    large = MemoryRun(10**6, (0.0, 0.25), {"api": (90.0, 91.0)}, peaks)
    return CaseResult(name=name, title=name, memory=(small, large))


CASES: Final = (
    rows("identity_20k", 20_000, kztasks=0.2, plain=0.05, per_row=28, batches=0.15),
    CaseResult(
        name="identity_1m",
        title="identity, 1,000,000 rows",
        series=rows("", 10**6, kztasks=6, plain=3, batches=7).series,
        cpu_us={"api": 0.1, "scheduler": 3.0},
        figures={"event loop lag, scheduler": 0.02, "event loop lag, app": None},
    ),
    rows("verified_1m", 10**6, kztasks=15, plain=3),
    rows("fan_out_cpu", 1000, one=3, two=2, four=1.9),
    rows("fan_out_wait", 1000, one=4, two=2, four=1),
    CaseResult(
        name="tiny_tasks", title="tiny", series=(Series(KZTASKS, 1000, "tasks", (4.0, 4.2, 9.0)),)
    ),
    CaseResult(
        name="answers",
        title="answers",
        series=(
            Series(FIRST_PROGRESS, 1, "times", (0.1, 0.2, 0.3)),
            Series(STOP, 1, "times", (0.1, 1.5, 0.1)),
        ),
    ),
    memory(),
)
RUN: Final = Run(
    at="2026-01-02T03:04:05+00:00",
    commit="0123456789",
    dirty=False,
    machine="some processor, x86_64",
    cores=2,
    memory_gib=24,
    python="3.11.2",
    versions={"celery": "5.7.0"},
    scale=1.0,
    rounds=3,
    cases=CASES,
)
