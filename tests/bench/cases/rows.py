"""Rows through one app process, from the start request to the downloadable output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.bench.harness import data
from tests.bench.harness.bench import Bench, Case
from tests.bench.harness.contenders import kztasks, plain, rivals
from tests.bench.harness.http import bound_of_all, metric
from tests.bench.harness.measure import Contender, in_turn, medians
from tests.bench.harness.names import CELERY_BATCHES, CELERY_ROWS, DRAMATIQ
from tests.bench.harness.results import CaseResult
from tests.bench.harness.stage import Stage, stage

WARM_UP: Final = 2000
LAG: Final = "kztasks_event_loop_lag_seconds"
LAG_MAX: Final = "kztasks_event_loop_lag_max_seconds"
WITH_LOOPS: Final = ("api", "scheduler", "app")


@dataclass(frozen=True, slots=True)
class Rows:
    """A case of one action on a number of rows."""

    rows: int
    action: str = "skel.id2"
    source: Callable[[int], bytes] | None = data.numbered
    expected: Callable[[int], bytes] = data.identity
    rivals: tuple[str, ...] = field(default=(CELERY_BATCHES,))
    has_plain: bool = True
    reads_lag: bool = False

    def __call__(self, bench: Bench, case: Case) -> CaseResult:
        """Measure kztasks and the others in turn."""
        rows = bench.scaled(self.rows)
        environment = {"BENCH_ROWS": str(rows)}
        with stage(bench.broker, bench.folder, environment=environment) as running:
            running.run("skel.id2", data.numbered(WARM_UP), data.identity(WARM_UP), WARM_UP)
            running.cpu_us.clear()
            series = in_turn(self._contenders(bench, running, rows), bench.rounds)
            return CaseResult(
                name=case.name,
                title=case.title,
                series=series,
                cpu_us=medians(running.cpu_us),
                figures=_lags(running) if self.reads_lag else {},
            )

    def _contenders(self, bench: Bench, running: Stage, rows: int) -> list[Contender]:
        source = self.source(rows) if self.source else None
        expected = self.expected(rows)
        found = [kztasks(running, self.action, source, expected, rows)]
        if source is not None and self.has_plain:
            found.append(plain(source, rows))
        if source is not None and self.rivals:
            found += rivals(bench.broker, bench.folder, self.rivals, source, expected, rows)
        return found


def _lags(running: Stage) -> dict[str, float | None]:
    """How late the event loops were at most, in seconds, as far as the processes say so."""
    found: dict[str, float | None] = {}
    for kind in WITH_LOOPS:
        page = running.metrics(kind)
        greatest = metric(page, LAG_MAX)
        found[f"event loop lag, {kind}"] = (
            bound_of_all(page, LAG) if greatest is None else round(greatest, 4)
        )
    return found


CASES: Final = (
    Case(
        "identity_20k",
        "identity, 20,000 rows",
        Rows(20_000, rivals=(CELERY_BATCHES, CELERY_ROWS, DRAMATIQ)),
    ),
    Case("identity_200k", "identity, 200,000 rows", Rows(200_000)),
    Case("identity_1m", "identity, 1,000,000 rows", Rows(1_000_000, reads_lag=True)),
    Case(
        "text_40_columns",
        "identity, 40 columns of text, 50,000 rows",
        Rows(50_000, source=data.text, expected=data.text_identity),
    ),
    Case(
        "verified_200k",
        "a verifier on every column, 200,000 rows",
        Rows(200_000, action="verified.id2", rivals=()),
    ),
    Case(
        "verified_1m",
        "a verifier on every column, 1,000,000 rows",
        Rows(1_000_000, action="verified.id2", rivals=()),
    ),
    Case(
        "stateful",
        "`Data` from row to row, 200,000 rows",
        Rows(200_000, action="bench.count", expected=data.counted, rivals=()),
    ),
    Case(
        "failing",
        "each tenth row fails, 200,000 rows",
        Rows(200_000, action="bench.tenth_fails", expected=data.tenth_failed, rivals=()),
    ),
    Case(
        "no_input",
        "no input, 1,000,000 rows written",
        Rows(1_000_000, action="bench.produce", source=None, expected=data.produced),
    ),
    Case(
        "async_wait",
        "async, each row awaits 1 ms, 5,000 rows",
        Rows(5_000, action="bench.async_wait", has_plain=False, rivals=()),
    ),
)
