"""What is to be reached, and whether it was. A miss is shown; it fails nothing."""

from __future__ import annotations

from collections.abc import Iterator
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
from tests.bench.harness.results import CaseResult, Run, Series, Verdict

OWN: Final = ("api", "scheduler", "app")
"""Processes whose memory is ours."""
UNMEASURED: Final = "not measured"


def verdicts(run: Run) -> tuple[Verdict, ...]:
    """One for each target, also for those that were not measured."""
    return tuple(_verdicts(run))


def _verdicts(run: Run) -> Iterator[Verdict]:
    identity, verified = run.case("identity_1m"), run.case("verified_1m")
    small = run.case("identity_20k")
    per_row = _of(small, CELERY_ROWS)
    yield _at_most("identity, 1,000,000 rows, beside the plain loop", 3, _ratio(identity, PLAIN))
    yield _at_most("a verifier on every column, beside the same", 4, _ratio(verified, PLAIN))
    yield _at_most(
        "identity, beside Celery in batches by hand", 1, _ratio(identity, CELERY_BATCHES)
    )
    yield _faster("Celery with a task per row, the same 20,000", per_row, _of(small, KZTASKS))
    yield _faster("the same, by row of our 1,000,000", per_row, _of(identity, KZTASKS))
    yield _scales("fan-out of work, 2 processes", run.case("fan_out_cpu"), 2, 1.5)
    yield _scales("fan-out of waiting, 4 processes", run.case("fan_out_wait"), 4, 3)
    tiny = _of(run.case("tiny_tasks"), KZTASKS)
    each = None if tiny is None else tiny.per_unit_s * 1000
    yield _below("1,000 tasks of 10 rows, each", 5, each, "ms")
    answers = run.case("answers")
    yield _below("first progress, slowest round", 1, _slowest(answers, FIRST_PROGRESS), "s")
    yield _below("stop of a fast task, slowest round", 1, _slowest(answers, STOP), "s")
    yield _below("growth of memory, 1,000 to 1,000,000 rows", 50, _growth(run), "MiB")
    lag = _greatest_lag(identity)
    yield _below("event loops blocked, at most", 50, None if lag is None else lag * 1000, "ms")


def _at_most(target: str, wanted: float, reached: float | None) -> Verdict:
    text = UNMEASURED if reached is None else f"{reached:.2f} times its time"
    met = None if reached is None else reached <= wanted
    return Verdict(target, f"at most {wanted:g} times its time", text, met)


def _below(target: str, wanted: float, reached: float | None, unit: str) -> Verdict:
    text = UNMEASURED if reached is None else f"{reached:.3g} {unit}"
    met = None if reached is None else reached <= wanted
    return Verdict(target, f"at most {wanted:g} {unit}", text, met)


def _faster(target: str, slow: Series | None, fast: Series | None) -> Verdict:
    wanted = "at least 100 times faster"
    if slow is None or fast is None:
        return Verdict(target, wanted, UNMEASURED, None)
    times = slow.times(fast)
    return Verdict(target, wanted, f"{times:.0f} times faster", times >= 100)


def _scales(target: str, case: CaseResult | None, count: int, wanted: float) -> Verdict:
    one, more = _of(case, processes(1)), _of(case, processes(count))
    text = f"at least {wanted:g} times as fast as 1"
    if one is None or more is None:
        return Verdict(target, text, UNMEASURED, None)
    times = one.times(more)
    return Verdict(target, text, f"{times:.2f} times as fast", times >= wanted)


def _of(case: CaseResult | None, contender: str) -> Series | None:
    return None if case is None else case.of(contender)


def _ratio(case: CaseResult | None, other: str) -> float | None:
    ours, theirs = _of(case, KZTASKS), _of(case, other)
    return None if ours is None or theirs is None else ours.times(theirs)


def _slowest(case: CaseResult | None, contender: str) -> float | None:
    series = _of(case, contender)
    return None if series is None else max(series.seconds)


def _growth(run: Run) -> float | None:
    case = run.case("memory")
    if case is None or len(case.memory) < 2:
        return None
    first, last = case.memory[0].peak_mib, case.memory[-1].peak_mib
    return max(last[name] - first[name] for name in OWN)


def _greatest_lag(case: CaseResult | None) -> float | None:
    known = [value for value in (case.figures if case else {}).values() if value is not None]
    return max(known, default=None)
