"""A late event loop is reported and logged, whatever kind of process it is in."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from tasks_bindings.loop_watch import LATE_S, TICK_S, WINDOW_S, LoopWatch


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Told:
    """What was reported: lags, and the greatest of the last minute at each of them."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.greatest: list[float] = []
        self.twice = asyncio.Event()

    def __call__(self, lag_s: float, greatest_s: float) -> None:
        self.lags.append(lag_s)
        self.greatest.append(greatest_s)
        if len(self.lags) > 1:
            self.twice.set()


async def test_a_loop_that_was_held_up_is_reported_and_logged_and_watched_on() -> None:
    told = Told()
    running = asyncio.create_task(LoopWatch(told).run())
    with capture_logs() as logged:
        await asyncio.sleep(0)
        time.sleep(TICK_S + 0.4)  # noqa: ASYNC251  (this is what is to be found)
        await told.twice.wait()
        running.cancel()

    assert told.lags[0] > 0.3
    assert told.greatest[1] >= told.lags[0]
    assert logged[0]["event"] == "event_loop_late"
    assert logged[0]["lag_s"] == round(told.lags[0], 3)


def test_the_greatest_lag_is_told_for_two_windows_and_then_forgotten() -> None:
    told, clock = Told(), Time()
    watch = LoopWatch(told, clock)
    watch.note(TICK_S + 0.2)
    for _ in range(2):
        clock.now += WINDOW_S + 1
        watch.note(TICK_S)
    assert told.lags == pytest.approx([0.2, 0.0, 0.0])
    assert told.greatest == pytest.approx([0.2, 0.2, 0.0])


def test_a_smaller_lag_does_not_hide_a_greater_one() -> None:
    told = Told()
    watch = LoopWatch(told, Time())
    for lag_s in (0.1, 0.2, 0.05):
        watch.note(TICK_S + lag_s)
    assert told.greatest == pytest.approx([0.1, 0.2, 0.2])


def test_a_loop_that_is_on_time_or_early_has_no_lag_and_is_not_logged() -> None:
    told = Told()
    watch = LoopWatch(told, Time())
    with capture_logs() as logged:
        watch.note(TICK_S / 2)
        watch.note(TICK_S + LATE_S * 0.9)
    assert told.lags == pytest.approx([0.0, LATE_S * 0.9])
    assert logged == []
