"""When a trigger is due, and what was missed (seed, "Triggers"; the original's own test values)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kztasks.domain.cron import PERIOD_S, between, following, latest
from kztasks.domain.firing import TriggerState
from kztasks.triggers.due import NOBODY, STILL_RAN, Due, cron_due, pass_due
from tasks_bindings.wire.keys import Trigger


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def a_state(last: int, **changes: object) -> TriggerState:
    state = TriggerState(key="tasks.triggers.minute", last=last, apps=("app",))
    return replace(state, **changes)  # type: ignore[arg-type]  # the test says what it changes


@pytest.mark.parametrize(
    ("trigger", "now", "left"),
    [
        (Trigger.MINUTE, "2026-11-24T10:10:00", 60),
        (Trigger.MINUTE, "2026-11-24T10:10:01", 59),
        (Trigger.MINUTE, "2026-11-24T10:10:59", 1),
        (Trigger.HOUR, "2026-11-24T10:00:00", 3600),
        (Trigger.HOUR, "2026-11-24T10:01:01", 3539),
        (Trigger.HOUR, "2026-11-24T10:30:59", 1741),
        (Trigger.HOUR, "2026-11-24T10:59:59", 1),
        (Trigger.DAY, "2026-11-24T00:00:00", 86400),
        (Trigger.DAY, "2026-11-24T23:58:59", 61),
        (Trigger.DAY, "2026-11-24T23:59:59", 1),
    ],
)
def test_the_next_moment_is_as_far_away_as_in_the_original(
    trigger: Trigger, now: str, left: int
) -> None:
    assert following(trigger, at(now)) - at(now) == left


@pytest.mark.parametrize("day", ["2027-02-28", "2028-02-29", "2026-12-31", "2026-03-29"])
def test_days_begin_at_midnight_utc_at_the_end_of_months_and_on_days_of_clock_changes(
    day: str,
) -> None:
    noon = at(f"{day}T12:00:00")
    begins = datetime.fromtimestamp(following(Trigger.DAY, noon), UTC)
    assert (begins.hour, begins.minute, begins.second) == (0, 0, 0)
    assert following(Trigger.DAY, noon) - latest(Trigger.DAY, noon) == 86_400


@given(
    trigger=st.sampled_from(list(PERIOD_S)),
    last=st.integers(0, 4_000_000_000),
    steps=st.lists(st.integers(-50_000, 400_000), max_size=30),
)
def test_each_moment_is_fired_for_or_missed_exactly_once_whatever_the_clock_does(
    trigger: Trigger, last: int, steps: list[int]
) -> None:
    state = a_state(latest(trigger, last))
    now, seen = last, []
    for step in steps:
        now = max(0, now + step)
        due = cron_due(trigger, state, now, "late")
        if due is not None:
            seen += [*due.missed, due.instant]
            state = replace(state, last=due.last)
    assert seen == list(between(trigger, latest(trigger, last), state.last))


def test_nothing_is_due_twice_for_a_moment_also_when_the_clock_is_set_back() -> None:
    ten = at("2026-11-24T10:00:00")
    assert cron_due(Trigger.HOUR, a_state(ten), ten + 1800, "late") is None
    assert cron_due(Trigger.HOUR, a_state(ten), ten - 7200, "late") is None


def test_after_a_pause_the_last_moment_is_fired_for_late_and_the_others_are_missed() -> None:
    ten = at("2026-11-24T10:00:00")
    due = cron_due(Trigger.HOUR, a_state(ten), ten + 3 * 3600 + 900, "late")
    assert due == Due(ten + 3 * 3600, ten + 3 * 3600, range(ten + 3600, ten + 10_801, 3600)[:-1])
    assert due.reason == NOBODY


def test_late_moments_are_left_out_where_that_is_configured() -> None:
    ten = at("2026-11-24T10:00:00")
    due = cron_due(Trigger.HOUR, a_state(ten), ten + 3600 + 900, "skip")
    assert due is not None
    assert (due.instant, due.last, list(due.missed)) == (None, ten + 3600, [ten + 3600])
    on_time = cron_due(Trigger.HOUR, a_state(ten), ten + 3601, "skip")
    assert on_time == Due(ten + 3600, ten + 3600)


def test_moments_that_passed_while_the_firing_before_ran_say_so() -> None:
    ten = at("2026-11-24T10:00:00")
    due = cron_due(Trigger.MINUTE, a_state(ten, ended=ten + 130), ten + 131, "late")
    assert due is not None
    assert (due.instant, list(due.missed), due.reason) == (ten + 120, [ten + 60], STILL_RAN)


def test_what_nobody_has_bound_never_fires() -> None:
    assert cron_due(Trigger.MINUTE, a_state(0, apps=()), 1e9, "late") is None
    assert pass_due(a_state(0, apps=()), 1e9, 1) is None


def test_a_firing_that_was_asked_for_is_due_at_once_and_moves_no_other_moment() -> None:
    ten = at("2026-11-24T10:00:00")
    state = a_state(ten, requested="r")
    assert cron_due(Trigger.HOUR, state, ten + 77.5, "skip") == Due(ten + 77, ten + 77)
    after = cron_due(Trigger.HOUR, a_state(ten + 77), ten + 3600, "skip")
    assert after == Due(ten + 3600, ten + 3600)


def test_a_pass_follows_so_long_after_the_end_of_the_one_before_or_on_demand() -> None:
    state = a_state(1000, ended=5000)
    assert pass_due(state, 5000 + 86_399, 86_400) is None
    assert pass_due(state, 5000 + 86_400, 86_400) == Due(91_400, 91_400)
    assert pass_due(replace(state, requested="r"), 5001, 86_400) == Due(5001, 5001)
