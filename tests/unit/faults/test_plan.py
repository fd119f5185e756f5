"""A seed decides which faults come, and when."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.faults.harness.pace import RANGE, next_pace
from tests.faults.harness.plan import Kind, Mix, counts_of, plan_of

WEIGHTS = {
    Kind.KILL_SCHEDULER: 87,
    Kind.KILL_APP: 65,
    Kind.KILL_STORE: 24,
    Kind.PAUSE_SCHEDULER: 14,
    Kind.RESTART_BROKER: 10,
}
MIX = Mix(weights=WEIGHTS, gap_s=1.5, pause_s=(3.0, 4.0), outage_s=(0.0, 0.5))


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan_of(random.Random(7), 50, MIX) == plan_of(random.Random(7), 50, MIX)
    assert plan_of(random.Random(7), 50, MIX) != plan_of(random.Random(8), 50, MIX)


def test_so_many_faults_as_asked_for_come_in_proportion() -> None:
    kinds = Counter(planned.kind for planned in plan_of(random.Random(1), 200, MIX))
    assert kinds == WEIGHTS


@pytest.mark.parametrize("count", [5, 6, 13, 100, 1_000])
def test_no_kind_is_left_out_if_there_are_enough_faults(count: int) -> None:
    counts = counts_of(WEIGHTS, count)
    assert sum(counts.values()) == count
    assert min(counts.values()) >= 1


def test_fewer_faults_than_kinds_are_that_many() -> None:
    assert sum(counts_of(WEIGHTS, 3).values()) == 3


def test_gaps_and_lengths_stay_in_their_bounds() -> None:
    for planned in plan_of(random.Random(3), 300, MIX):
        low, high = MIX.pause_s if planned.kind is Kind.PAUSE_SCHEDULER else MIX.outage_s
        assert 0.75 <= planned.wait_s <= 2.25
        assert low <= planned.hold_s <= high


def test_rows_that_are_ahead_of_the_faults_become_slower_and_others_faster_in_bounds() -> None:
    least, most = (0.02 * part for part in RANGE)
    ahead = {"rows_done": 0.5, "faults_done": 0.2}
    behind = {"rows_done": 0.2, "faults_done": 0.5}
    assert least < next_pace(0.02, 0.02, **behind) < 0.02 < next_pace(0.02, 0.02, **ahead) < most
    assert next_pace(most, 0.02, **ahead) == most
    assert next_pace(least, 0.02, **behind) == least
