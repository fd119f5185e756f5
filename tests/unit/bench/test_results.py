"""Results survive being kept, and say how contenders compare."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.bench.harness.names import CELERY_ROWS, KZTASKS, PLAIN
from tests.bench.harness.results import Run, Series, about, dump, load, newest_whole, path_of
from tests.bench.harness.targets import verdicts
from tests.unit.bench.samples import CASES, RUN

NAMES = [case.name for case in CASES]


def keep(folder: Path, run: Run) -> Path:
    path = folder / path_of(run).name
    path.write_bytes(dump(run))
    return path


def test_a_run_is_read_as_it_was_kept() -> None:
    run = replace(RUN, verdicts=verdicts(RUN))
    assert load(dump(run)) == run


def test_contenders_compare_by_the_median_time_of_a_unit() -> None:
    slow = Series(CELERY_ROWS, 20_000, "rows", (20.0, 30.0, 1000.0))
    fast = Series(KZTASKS, 1_000_000, "rows", (10.0, 1.0, 12.0))
    assert slow.rate == 20_000 / 30
    assert round(slow.times(fast)) == 150


def test_a_case_that_failed_is_no_result() -> None:
    failed = replace(RUN, cases=(replace(CASES[0], failed="wrong"),))
    assert failed.case(CASES[0].name) is None
    assert RUN.case(CASES[0].name) == CASES[0]
    assert CASES[0].of(PLAIN) is not None
    assert CASES[0].of("somebody else") is None


def test_the_newest_whole_results_are_found(tmp_path: Path) -> None:
    whole = keep(tmp_path, replace(RUN, at="2026-01-02T00:00:00+00:00"))
    keep(tmp_path, replace(RUN, at="2026-01-01T00:00:00+00:00"))
    keep(tmp_path, replace(RUN, at="2026-01-03T00:00:00+00:00", scale=0.1))
    keep(tmp_path, replace(RUN, at="2026-01-04T00:00:00+00:00", cases=CASES[:-1]))
    broken = (*CASES[:-1], replace(CASES[-1], failed="wrong"))
    keep(tmp_path, replace(RUN, at="2026-01-05T00:00:00+00:00", cases=broken))
    assert newest_whole(tmp_path, NAMES) == whole
    assert newest_whole(tmp_path, [*NAMES, "another"]) is None


def test_results_say_what_they_were_measured_on() -> None:
    run = about(0.5, 2)
    assert run.cores >= 1
    assert run.python.startswith("3.")
    assert run.versions["orjson"]
    assert (run.scale, run.rounds, run.cases) == (0.5, 2, ())
