"""Figures of the fault rows that are worked out of samples."""

from __future__ import annotations

import pytest

from tests.faults.harness.measure import percentile, spread
from tests.faults.harness.spy import Pause, Sent, after_waking, out_of_date


def test_a_percentile_is_a_sample_that_so_many_are_not_above() -> None:
    samples = [float(number) for number in range(100, 0, -1)]
    assert percentile(samples, 99) == 99.0
    assert percentile(samples, 100) == 100.0
    assert percentile([3.0], 99) == 3.0
    assert spread("back", [1.0, 2.0, 3.0]) == {
        "back_p50_s": 2.0,
        "back_p99_s": 3.0,
        "back_max_s": 3.0,
    }


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 99)


def test_a_batch_of_an_earlier_owner_after_one_of_a_later_owner_is_a_zombies() -> None:
    def sent(*epochs: int, task: str = "a") -> list[Sent]:
        return [Sent(0.0, task, epoch, seq) for seq, epoch in enumerate(epochs)]

    assert out_of_date(sent(1, 1, 2, 2, 5)) == []
    assert out_of_date(sent(2) + sent(1, task="b")) == []
    assert [one.seq for one in out_of_date(sent(1, 2, 1, 2, 1))] == [2, 4]


def test_what_was_decided_before_a_pause_is_not_held_against_who_woke_up() -> None:
    due = {"task_id": "a", "epoch": 1, "batch": 7, "ts": "2026-01-01T00:00:10Z"}
    paused_at = 1_767_225_610.0  # that very second
    one = Sent(0.0, "a", 1, 7)
    assert after_waking([one], [Pause("s", paused_at + 1, [due])]) == []
    assert after_waking([one], [Pause("s", paused_at - 1, [due])]) == [one]
    assert after_waking([one], [Pause("s", paused_at + 1, [{**due, "batch": 6}])]) == [one]
    later = {**due, "ts": "2026-01-01T00:00:20Z"}
    assert after_waking([one], [Pause("s", paused_at + 1, [due, later])]) == [one]
