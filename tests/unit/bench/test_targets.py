"""A target is reached, missed or not measured; nothing else comes of it."""

from __future__ import annotations

from dataclasses import replace

from tests.bench.harness.targets import verdicts
from tests.unit.bench.samples import CASES, RUN, memory, rows


def test_every_target_has_a_verdict_and_says_what_was_measured() -> None:
    found = {one.target: (one.reached, one.met) for one in verdicts(RUN)}
    assert found == {
        "identity, 1,000,000 rows, beside the plain loop": ("2.00 times its time", True),
        "a verifier on every column, beside the same": ("5.00 times its time", False),
        "identity, beside Celery in batches by hand": ("0.86 times its time", True),
        "Celery with a task per row, the same 20,000": ("140 times faster", True),
        "the same, by row of our 1,000,000": ("233 times faster", True),
        "fan-out of work, 2 processes": ("1.50 times as fast", True),
        "fan-out of waiting, 4 processes": ("4.00 times as fast", True),
        "1,000 tasks of 10 rows, each": ("4.2 ms", True),
        "first progress, slowest round": ("0.3 s", True),
        "stop of a fast task, slowest round": ("1.5 s", False),
        "growth of memory, 1,000 to 1,000,000 rows": ("30 MiB", True),
        "event loops blocked, at most": ("20 ms", True),
    }


def test_what_was_not_run_is_not_measured_rather_than_missed() -> None:
    found = verdicts(replace(RUN, cases=()))
    assert len(found) == len(verdicts(RUN))
    assert {(one.reached, one.met) for one in found} == {("not measured", None)}


def test_numbers_of_a_case_that_failed_reach_nothing() -> None:
    failed = tuple(replace(case, failed="wrong bytes") for case in CASES)
    assert {one.met for one in verdicts(replace(RUN, cases=failed))} == {None}


def test_memory_counts_by_the_process_that_grew_most() -> None:
    (verdict,) = (
        one
        for one in verdicts(replace(RUN, cases=(memory(last=141.0),)))
        if one.target.startswith("growth of memory")
    )
    assert (verdict.reached, verdict.met) == ("51 MiB", False)


def test_a_hundred_times_is_enough_and_less_is_not() -> None:
    def times(per_row: float) -> bool | None:
        case = rows("identity_20k", 20_000, kztasks=0.25, per_row=per_row)
        found = verdicts(replace(RUN, cases=(case,)))
        (verdict,) = (one for one in found if one.target.endswith("the same 20,000"))
        return verdict.met

    assert (times(25.0), times(24.9)) == (True, False)
