"""When the janitor makes a round, and what it takes for the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from kztasks.scheduler.janitor import RoundWatch, SteadyClock
from kztasks.scheduler.sweep import Retention, Swept
from kztasks.settings import Settings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_round_is_due_when_the_counter_has_stood_still_for_the_interval() -> None:
    watch = RoundWatch(600)
    assert not watch.is_due(7, 1000)
    assert not watch.is_due(7, 1599)
    assert watch.is_due(7, 1600)


def test_a_round_that_goes_on_elsewhere_is_not_made_here() -> None:
    watch = RoundWatch(600)
    dues = [watch.is_due(number, 500.0 * number) for number in range(20)]
    assert not any(dues)


def test_whoever_has_just_started_waits_for_an_interval() -> None:
    assert not RoundWatch(600).is_due(0, 1_000_000)


def test_the_databases_time_is_believed_as_long_as_it_passes_like_time() -> None:
    clock = SteadyClock()
    for minutes in (0, 10, 20, 200):
        told = NOON + timedelta(minutes=minutes, seconds=minutes / 10)
        assert clock.read(told, 60.0 * minutes) == told


@pytest.mark.parametrize("leap", [timedelta(hours=1), timedelta(days=1), timedelta(days=400)])
def test_a_leap_of_the_databases_clock_makes_nothing_older(leap: timedelta) -> None:
    clock = SteadyClock()
    clock.read(NOON, 0)
    for seconds in (600, 1200, 90_000):
        passed = timedelta(seconds=seconds)
        assert clock.read(NOON + passed + leap, seconds) == NOON + passed


def test_a_clock_that_is_set_back_is_followed() -> None:
    clock = SteadyClock()
    clock.read(NOON, 0)
    earlier = NOON - timedelta(days=1)
    assert clock.read(earlier, 600) == earlier
    assert clock.read(earlier + timedelta(minutes=10), 1200) == earlier + timedelta(minutes=10)


@pytest.mark.parametrize(
    "settings",
    [
        {"retain_log_hours": 200},
        {"retain_files_days": 6},
        {"retain_tasks_days": 6},
        {"retain_files_days": 30, "retain_tasks_days": 29},
        {"retain_files_days": 0},
        {"orphan_grace_hours": 0.5},
        {"janitor_interval_s": 0},
    ],
)
def test_times_that_contradict_each_other_are_refused_at_start(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Settings(**settings)  # type: ignore[arg-type]  # all of these are numbers


def test_without_settings_files_and_documents_are_kept_for_ever() -> None:
    retention = Retention.of(Settings())
    assert (retention.files, retention.tasks) == (None, None)
    assert retention.log == retention.grace == timedelta(hours=24)
    assert retention.log_without_output == timedelta(days=7)
    assert [what.part for what in retention.due(NOON)] == ["log", "log"]


def test_what_passes_removed_is_added_up() -> None:
    total = Swept(logs=1, audit=5)
    total.add(Swept(logs=2, files=3))
    assert total == Swept(logs=3, files=3, audit=5)
