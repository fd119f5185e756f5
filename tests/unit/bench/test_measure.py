"""Contenders take turns, and failures are told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import psutil
import pytest

from tests.bench.__main__ import _result_of
from tests.bench.cases.catalog import CASES
from tests.bench.harness.bench import Bench, Case, chosen
from tests.bench.harness.http import bound_of_all, metric
from tests.bench.harness.measure import Contender, difference, in_turn, medians
from tests.bench.harness.memory import Sampler
from tests.bench.harness.results import CaseResult
from tests.bench.harness.stage import difference_of
from tests.servers.rabbitmq import Rabbitmq

PAGE = """\
# HELP lag how late
lag_max 0.25
lag_bucket{le="0.01"} 7.0
lag_bucket{le="0.05"} 9.0
lag_bucket{le="0.1"} 9.0
lag_bucket{le="+Inf"} 9.0
lag_count 9.0
other_count 0.0
"""


def bench(scale: float = 1.0) -> Bench:
    return Bench(cast("Rabbitmq", None), Path(), scale, 1)


def test_every_contender_runs_once_in_a_round_and_each_begins_a_round() -> None:
    order: list[str] = []

    def contender(name: str) -> Contender:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return Contender(name, 10, "rows", run)

    series = in_turn([contender("a"), contender("b"), contender("c")], 3)
    assert "".join(order) == "abcbcacab"
    assert [(one.contender, one.seconds) for one in series] == [
        ("a", (1.0, 6.0, 8.0)),
        ("b", (2.0, 4.0, 9.0)),
        ("c", (3.0, 5.0, 7.0)),
    ]


def test_costs_are_medians_of_the_rounds() -> None:
    rounds = [{"api": 1.0, "app": 5.0}, {"api": 9.0, "app": 4.0}, {"api": 2.0, "app": 6.0}]
    assert medians(rounds) == {"api": 2.0, "app": 5.0}
    assert difference({"api": 1.0}, {"api": 3.5}) == {"api": 2.5}


def test_cases_are_chosen_by_name_and_pattern() -> None:
    assert chosen(CASES, None) == CASES
    assert [case.name for case in chosen(CASES, "verified*, stateful")] == [
        "verified_200k",
        "verified_1m",
        "stateful",
    ]
    assert len({case.name for case in CASES}) == len(CASES)
    with pytest.raises(SystemExit, match="identity_1m"):
        chosen(CASES, "nothing")


def test_a_small_scale_leaves_something_to_do() -> None:
    assert bench(0.5).scaled(1000) == 500
    assert bench(0.001).scaled(1000) == 10


def test_wrong_bytes_fail_the_case_and_say_where() -> None:
    def wrong(_bench: Bench, _case: Case) -> CaseResult:
        raise AssertionError(difference_of(b"a\nb\n", b"a\nc\n"))

    result = _result_of(bench(), Case("one", "One", wrong))
    assert result.failed == "AssertionError: line 2 of the output is b'b', not b'c'"
    assert difference_of(b"a\n", b"a\nb\n") == "the output has 1 lines, not 2"


def test_metrics_are_read_where_they_are_and_none_where_they_are_not() -> None:
    assert metric(PAGE, "lag_max") == 0.25
    assert metric(PAGE, "lag") is None
    assert bound_of_all(PAGE, "lag") == 0.05
    assert bound_of_all(PAGE, "other") is None
    assert bound_of_all(PAGE, "absent") is None


def test_a_peak_between_two_samples_is_seen() -> None:
    with Sampler({"us": [psutil.Process(os.getpid())]}) as sampler:
        held = bytearray(64 * 1024 * 1024)
        held[:] = b"x" * len(held)
        del held
    run = sampler.result(10)
    assert run.peak_mib["us"] >= run.mib["us"][0] + 60
    assert len(run.seconds) == len(run.mib["us"])
